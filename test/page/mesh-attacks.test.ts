import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshState } from '../../src/page/model/mesh-page-data.ts';
import { openTab, startBrowser } from './browser.ts';
import { demoState, demoTrace, demoTraces, policyDetails } from './mesh-fixture.ts';
import { startMeshServer } from './mesh-server.ts';

/** Text that runs in a page that takes it for HTML, for an attribute, for a script or for a URL. */
const attack = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"onclick="alert(3)' javascript:alert(5)<!--`;

/** Fields whose texts are closed sets, which the server of the page makes itself. */
const closed = new Set([
  'kind',
  'by',
  'origin',
  'protocols',
  'change',
  'side',
  'id',
  'from',
  'to',
  'parentSpanId',
  'spanId',
]);

/** Returns a value in which each text from outside has an attack: names of objects, labels of pods, hosts, YAML, tags. */
function hostile<T>(value: T, field = ''): T {
  if (typeof value === 'string') return (closed.has(field) ? value : `${value} ${attack}`) as T;
  if (Array.isArray(value)) return value.map((one) => hostile(one, field)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const isCounts = field === 'byStatus';
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [isCounts ? `${name} ${attack}` : name, hostile(one, name)]),
  ) as T;
}

/** Returns a state whose ids have attacks too. A space separates the ids of an edge. */
function withHostileIds(state: MeshState): MeshState {
  const word = attack.replaceAll(' ', '_');
  const idOf = (id: string): string => `${id}${word}`;
  return {
    ...state,
    nodes: state.nodes.map((node) => ({ ...node, id: idOf(node.id), url: `javascript:alert(6)//${node.name}` })),
    edges: state.edges.map((edge) => ({
      ...edge,
      id: `${idOf(edge.from)} ${idOf(edge.to)}`,
      from: idOf(edge.from),
      to: idOf(edge.to),
    })),
  };
}

test('names of objects, labels of pods, hosts, YAML, statuses and tags are shown as text', async () => {
  const browser = await startBrowser();
  await using server = await startMeshServer({
    state: withHostileIds(hostile(demoState('after'))),
    edge: hostile(policyDetails),
    traces: hostile(demoTraces),
    trace: hostile(demoTrace),
    object: { ...hostile(demoState('after').objects[0] ?? assert.fail()), yaml: attack },
    links: { traceUrl: 'https://jaeger.example/trace/{traceId}' },
  });
  try {
    await using tab = await openTab(browser);
    const { page } = tab;
    await page.goto(server.url);
    await page.locator('.feed.live').waitFor();
    const check = async (title: string): Promise<void> => {
      await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      assert.equal(await page.locator('img, iframe, object, embed').count(), 0, title);
      assert.equal(await page.locator('body script:not([type="application/json"])').count(), 0, title);
      const attributes = await page
        .locator('*')
        .evaluateAll((all) => all.flatMap((each) => each.getAttributeNames()).filter((name) => /^on/.test(name)));
      assert.deepEqual(attributes, [], title);
      const links = await page
        .locator('a[href]')
        .evaluateAll((all) => all.map((each) => each.getAttribute('href') ?? ''));
      for (const href of links) assert.match(href, /^https:\/\/jaeger\.example\/trace\//, title);
    };
    await check('start');
    for (const kind of ['edge', 'node']) {
      for (const target of await page.locator(`[data-${kind}]`).all()) {
        await target.dispatchEvent('click');
        await page.locator('.selection:not([hidden])').waitFor();
        if (kind === 'edge') await page.locator('.acting').waitFor();
        await check(kind);
      }
    }
    await page.locator('[data-key^="object "]').first().click();
    await page.locator('.selection pre').waitFor();
    assert.ok((await page.locator('.selection pre').innerText()).includes('<img src=x onerror=alert(2)>'));
    await page.getByRole('heading', { name: 'Recent traces' }).scrollIntoViewIfNeeded();
    await page.locator('.trace-row').first().click();
    await page.locator('.trace .row').first().waitFor();
    await page.evaluate("document.querySelectorAll('.trace .row').forEach((row) => row.click())");
    await check('trace');
    assert.ok((await page.locator('.trace').innerText()).includes('<img src=x onerror=alert(2)>'));
    server.end(attack);
    await page.locator('.feed.ended').waitFor();
    await check('end');
    assert.deepEqual(tab.problems, []);
    assert.deepEqual(
      tab.requests.filter((request) => !/^GET \/(?:$|-\/page\/|-\/mesh\/)/.test(request)),
      [],
    );
    const isBlocked = await page.evaluate(
      "Promise.resolve().then(() => { document.body.innerHTML = '<p>x</p>'; return 'set'; }).catch(() => 'blocked')",
    );
    assert.equal(isBlocked, 'blocked');
  } finally {
    await browser.close();
  }
});
