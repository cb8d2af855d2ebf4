import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type EdgeNote, joinEdgeNotes } from '../../src/diff/edge-notes.ts';
import type { Caller, Destination } from '../../src/diff/probe.ts';
import { destination, workload } from './make.ts';

const cart: Destination = { ...destination('cart', 80), workloads: ['default/cart'] };
const callers = ['web', 'stock', 'cart'].map((name) => workload(name));
const gateway: Caller = { kind: 'gateway', gateway: 'default/gw', host: 'shop.example', port: 80, scheme: 'http' };

function note(caller: Caller, subject = 'filter lua', to = cart): EdgeNote {
  return { callers: [caller], destination: to, subject, reason: 'its settings differ' };
}

it('a part of a destination that differs for several callers is one line, which names them', () => {
  const filters = [workload('web'), workload('stock'), { kind: 'outside' } as const].map((caller) => note(caller));
  const subjects = joinEdgeNotes(
    [...filters, note(workload('web'), 'filter wasm'), note(workload('web'), 'filter lua', destination('db', 5432))],
    callers,
  ).map(({ subject }) => subject);
  assert.deepEqual(subjects, [
    'all callers, outside → cart:80: filter lua',
    'web → cart:80: filter wasm',
    'web → db:5432: filter lua',
  ]);
});

it('each host at a gateway has a line of its own', () => {
  const other = { ...gateway, host: 'www.example', scheme: 'https', port: 443 } as const;
  assert.deepEqual(
    joinEdgeNotes([note(gateway), note(other)], callers).map(({ subject }) => subject),
    [
      'gateway default/gw, http://shop.example:80: filter lua',
      'gateway default/gw, https://www.example:443: filter lua',
    ],
  );
});
