import assert from 'node:assert/strict';
import { mock, suite, test } from 'node:test';
import { CountedPod } from '../../src/cli/up/pod-traffic.ts';
import type { CallAnswer } from '../../src/execute/client.ts';
import { CallCounter } from '../../src/serve/call-counter.ts';
import type { TrafficCount } from '../../src/serve/process/process-messages.ts';
import { parseMessageFromService } from '../../src/serve/process/process-messages.ts';

const ok: CallAnswer = { kind: 'other', isSigned: true, status: 200, headers: {}, body: '', bodyBytes: 0 };
const refused: CallAnswer = { kind: 'failed', error: { code: 'refused', message: 'ECONNREFUSED' } };
const call = (host: string) => ({ scheme: 'http', host, dial: { host: '127.0.0.1', port: 8081 } }) as const;

suite('counter of calls', () => {
  /** Runs a test with a clock of its own. Returns the reports of a counter. */
  const withCounter = (run: (counter: CallCounter, reports: TrafficCount[][]) => void): void => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const reports: TrafficCount[][] = [];
      run(new CallCounter((counts) => reports.push([...counts])), reports);
    } finally {
      mock.timers.reset();
    }
  };

  test('calls with the same facts are one entry, with their durations in buckets', () =>
    withCounter((counter, reports) => {
      counter.called(call('Reviews'), ok, 3);
      counter.called(call('reviews'), ok, 700_000);
      counter.called(call('reviews'), refused, 0.2);
      mock.timers.tick(1000);
      const [counts = []] = reports;
      const place = { host: 'reviews', address: '127.0.0.1:8081', protocol: 'http', grpcStatus: '' };
      assert.deepEqual(counts, [
        {
          ...place,
          status: '200',
          requests: 2,
          durationMs: 700_003,
          buckets: [
            [5, 1],
            [null, 1],
          ],
        },
        { ...place, status: 'refused', requests: 1, durationMs: 0.2, buckets: [[0.5, 1]] },
      ]);
      assert.deepEqual(parseMessageFromService({ kind: 'traffic', counts }), { kind: 'traffic', counts });
    }));

  test('requests from outside have no host; a reset one has no status', () =>
    withCounter((counter, reports) => {
      counter.arrived('grpc', 503, 'UNAVAILABLE', 1);
      counter.arrived('http', undefined, undefined, 1);
      mock.timers.tick(1000);
      assert.deepEqual(
        reports[0]?.map(({ host, protocol, status, grpcStatus }) => [host, protocol, status, grpcStatus]),
        [
          ['', 'grpc', '503', 'UNAVAILABLE'],
          ['', 'http', 'reset', ''],
        ],
      );
    }));

  test('there is one report a second at most, and none without calls', () =>
    withCounter((counter, reports) => {
      for (let ms = 0; ms < 5000; ms += 100) {
        counter.called(call('reviews'), ok, 1);
        mock.timers.tick(100);
      }
      assert.equal(reports.length, 5);
      assert.equal(
        reports.flat().reduce((sum, { requests }) => sum + requests, 0),
        50,
      );
      mock.timers.tick(60_000);
      assert.equal(reports.length, 5);
    }));

  test('a stopped counter reports nothing more', () =>
    withCounter((counter, reports) => {
      counter.called(call('reviews'), ok, 1);
      counter.stop();
      mock.timers.tick(5000);
      assert.deepEqual(reports, []);
    }));

  test('the number of hosts is bounded, in the service and in its parent, and every call is counted', () =>
    withCounter((counter, reports) => {
      const pod = new CountedPod(() => undefined);
      for (let second = 0; second < 20; second++) {
        for (let index = 0; index < 1000; index++) counter.called(call(`host-${second}-${index}`), ok, 1);
        mock.timers.tick(1000);
      }
      for (const counts of reports) {
        assert.ok(counts.length <= 101, String(counts.length));
        pod.add(counts);
      }
      const series = pod.series();
      assert.ok(series.length <= 402, String(series.length));
      assert.equal(
        series.reduce((sum, { requests }) => sum + requests, 0),
        20_000,
      );
      assert.ok(series.some(({ host }) => host === 'other hosts'));
    }));

  test('the number of series is bounded for callees that answer with any status', () =>
    withCounter((counter, reports) => {
      const pod = new CountedPod(() => undefined);
      for (let index = 0; index < 5000; index++) {
        const answer = { ...ok, status: 200 + index / 1000 };
        counter.called({ ...call('tcp.example'), scheme: 'tcp' }, answer, 1);
        counter.called({ ...call('grpc.example'), scheme: 'grpc' }, { ...answer, grpcStatus: 'OK' }, 1);
        counter.called({ ...call('ws.example'), scheme: 'ws' }, answer, 1);
      }
      mock.timers.tick(1000);
      for (const counts of reports) pod.add(counts);
      assert.ok(pod.series().length < 20, String(pod.series().length));
    }));

  test('calls to pods of the mesh stay theirs after calls to many hosts, and by many names', () =>
    withCounter((counter, reports) => {
      const pod = new CountedPod((address) => (address === '127.0.0.1:8082' ? 'ratings-1' : undefined));
      const ratings = (host: string) => ({ ...call(host), dial: { host: '127.0.0.1', port: 8082 } });
      for (let second = 0; second < 10; second++) {
        for (let index = 0; index < 50; index++) {
          counter.called(call(`host-${second}-${index}`), ok, 1);
          counter.called(ratings(`ratings.namespace-${second}-${index}.svc`), ok, 1);
        }
        mock.timers.tick(1000);
      }
      counter.called(ratings('ratings'), refused, 1);
      mock.timers.tick(1000);
      for (const counts of reports) pod.add(counts);
      const series = pod.series().filter(({ destination }) => destination.workload === 'ratings-1');
      assert.deepEqual(
        series.map(({ responseCode, requests }) => [responseCode, requests]),
        [
          ['200', 500],
          ['refused', 1],
        ],
      );
    }));
});
