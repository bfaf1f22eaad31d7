import test from 'ava';
import { beginTrace, type TraceReport } from '../../lib/trace/index.ts';

test.serial('without STRAKE_TRACE=1 there is no trace', (t) => {
  delete process.env.STRAKE_TRACE;
  t.is(
    beginTrace('run', () => t.fail()),
    null,
  );
});

test.serial('the steps of several processes are put in order, and add up to the whole', (t) => {
  process.env.STRAKE_TRACE = '1';
  const reports: TraceReport[] = [];
  const trace = beginTrace(
    'run',
    (report) => reports.push(report),
    () => 1000n,
  );
  trace?.step('bundle', 5000n);
  trace?.step('exited', 20_000n);
  trace?.step('monitor', 9000n);
  trace?.end();
  trace?.end();
  t.deepEqual(reports, [
    {
      subject: 'run',
      steps: [
        { name: 'bundle', microseconds: 4 },
        { name: 'monitor', microseconds: 4 },
        { name: 'exited', microseconds: 11 },
      ],
      microseconds: 19,
    },
  ]);
});
