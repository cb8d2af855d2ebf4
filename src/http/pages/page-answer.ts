import { firstBytes } from '../../error/text-bytes.ts';
import type { RequestBudget } from '../../execute/budgets/budgets.ts';
import { prunedReply, RequestParseRoom } from '../../execute/budgets/parse-room.ts';
import type { Service } from '../../execute/service.ts';
import type { PageData } from '../../page/model/page-data.ts';
import type { SentPage } from '../../page/server/sent-page.ts';
import { type TreeRow, treeRows } from '../../render/tree-rows.ts';
import { type LeaveOut, readReply } from '../../reply/json.ts';
import { heldBytesOf } from '../../reply/long-parts.ts';
import type { CallResult, RawReply, Reply, Summary } from '../../reply/reply.ts';

/** Maximum size of the answers of callees in a page, in bytes. A browser is slow with more, and people cannot read it. */
const maxPageBytes = 4 * 1024 * 1024;

/** Maximum size of the body of the service itself in a page, in bytes. */
const maxBodyBytes = 16 * 1024;

/** Copies of the text of a callee's reply in a page: the tree and the JSON, with escapes of up to six characters. */
const copiesOnPage = 8;

/** Page as it is sent. */
export interface EncodedPage {
  readonly contentType: string;
  readonly body: string;
  /** Further headers: names and values in turn. */
  readonly fields: readonly string[];
}

/** Makes the page of a reply. Returns undefined if the service has no room for it, so that the client must get JSON. */
export type PageEncoder = (service: Service, reply: Reply<RawReply>, budget: RequestBudget) => EncodedPage | undefined;

/**
 * Loads the code and the files of the page, at the first request of a browser. The other code here is loaded with the
 * service, since a part of the program that two others share would be one more file of each start.
 */
export async function loadPageEncoder(): Promise<PageEncoder> {
  const { loadPlanPage } = await import('../../page/server/load-plan-page.ts');
  const planPage = await loadPlanPage();
  return (service, reply, budget) => {
    const page = encodePage(service, shownReply(service, reply, budget), planPage);
    // The escapes of HTML may make a page many times as long as its request.
    if (budget.hasRoom(heldBytesOf(page.body))) return page;
    service.budgets.refusals.add('max-held');
    return undefined;
  };
}

type PlanPageMaker = (data: PageData, rows: readonly TreeRow[]) => SentPage;

function encodePage(service: Service, reply: Reply, planPage: PlanPageMaker): EncodedPage {
  const { servicePorts, dialler, grpcPort, page: links = {} } = service;
  const services = [...new Set([...dialler.hosts, ...servicePorts.targets])];
  const { html, headers } = planPage({ reply, services, grpcPort: grpcPort(), links }, treeRows(reply));
  return { contentType: 'text/html; charset=utf-8', body: html, fields: headers };
}

/** Returns a reply in which every child is parsed, or left out because a page has no room for it. */
function shownReply(service: Service, reply: Reply<RawReply>, budget: RequestBudget): Reply {
  const room = new RequestParseRoom(service.budgets, budget, copiesOnPage);
  let bytes = 0;
  const leaveOut: LeaveOut = (child) => {
    if (bytes + child.byteLength > maxPageBytes)
      return prunedReply(child.byteLength, `a page has answers of up to ${maxPageBytes} bytes; the JSON has them all`);
    bytes += child.byteLength;
    return room.leaveOut(child);
  };
  return readReply(shortened(withShownCalls(reply, leaveOut)), leaveOut);
}

/** Returns a reply whose calls have the headers and the bodies for which there is room. */
function withShownCalls(reply: Reply<RawReply>, leaveOut: LeaveOut): Reply<RawReply> {
  const { calls } = reply;
  return calls === undefined ? reply : { ...reply, calls: calls.map((call) => shownCall(call, leaveOut)) };
}

function shownCall(call: CallResult<RawReply>, leaveOut: LeaveOut): CallResult<RawReply> {
  const { headers, trailers, body, summary, ...rest } = call;
  if (summary !== undefined) return { ...call, summary: shownSummary(summary, leaveOut) };
  const fields = Object.entries({ ...headers, ...trailers });
  const byteLength = fields.flat().reduce((sum, text) => sum + text.length, body?.length ?? 0);
  const pruned = byteLength === 0 ? undefined : leaveOut({ byteLength, parsedBytes: byteLength });
  return pruned === undefined ? call : { ...rest, pruned: rest.pruned ?? pruned };
}

function shownSummary({ samples, ...counts }: Summary<RawReply>, leaveOut: LeaveOut): Summary<RawReply> {
  if (samples === undefined) return counts;
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: shownCall(sample.call, leaveOut) })) };
}

/** Returns a reply whose own body fits a page. */
function shortened(reply: Reply<RawReply>): Reply<RawReply> {
  const { body } = reply;
  if (body === undefined) return reply;
  if (typeof body !== 'string') {
    const start = 'x'.repeat(Math.min(body.byteLength, maxBodyBytes));
    return { ...reply, body: `${start}… (${body.byteLength} bytes)` };
  }
  const shown = firstBytes(body, maxBodyBytes);
  return shown === body ? reply : { ...reply, body: `${shown}… (${Buffer.byteLength(body)} bytes)` };
}
