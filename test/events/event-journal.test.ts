import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import anyTest, { type TestFn } from 'ava';
import { type EngineEvent, EventJournal, type EventOptions } from '../../lib/events/index.ts';

const test = anyTest as TestFn<EventJournal>;

test.beforeEach((t) => {
  t.context = new EventJournal(mkdtempSync('/dev/shm/strake-events-'));
  t.context.prepare();
});
test.afterEach.always((t) => rmSync(join(t.context.directory, '..'), { recursive: true }));

const emit = (journal: EventJournal, action: string, id = 'a', attributes = {}) =>
  journal.emit({ type: 'container', action, id, attributes });

async function past(journal: EventJournal, options: EventOptions = {}): Promise<EngineEvent[]> {
  const events = [];
  for await (const event of journal.read({ since: '2020-01-01T00:00:00Z', until: new Date(), ...options }))
    events.push(event);
  return events;
}

const actions = (events: readonly EngineEvent[]) => events.map(({ action }) => action);

test('what was told is read, in order, with the time at which it was told', async (t) => {
  const before = new Date().toISOString();
  emit(t.context, 'create');
  t.context.emit({ type: 'volume', action: 'mount', id: 'data', attributes: { container: 'a' } });
  const events = await past(t.context);
  t.like(events, [
    { type: 'container', action: 'create', id: 'a', attributes: {} },
    { type: 'volume', action: 'mount', id: 'data', attributes: { container: 'a' } },
  ]);
  t.true((events[0]?.time ?? '') >= before.slice(0, -2));
  t.regex(events[0]?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
});

test('without since only what happens after the call is read, and nothing of it is lost', async (t) => {
  emit(t.context, 'before');
  const reading = t.context.read();
  emit(t.context, 'between the call and the first look');
  t.is((await reading.next()).value?.action, 'between the call and the first look');
  setTimeout(() => emit(t.context, 'later'), 30);
  t.is((await reading.next()).value?.action, 'later');
  await reading.return(undefined);
});

test('since and until are bounds, and until in the future ends the reading then', async (t) => {
  emit(t.context, 'early');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const middle = new Date();
  await new Promise((resolve) => setTimeout(resolve, 20));
  emit(t.context, 'late');
  t.deepEqual(actions(await past(t.context, { since: middle })), ['late']);
  t.deepEqual(actions(await past(t.context, { until: middle })), ['early']);
  setTimeout(() => emit(t.context, 'in time'), 50);
  setTimeout(() => emit(t.context, 'too late'), 350);
  t.deepEqual(actions(await past(t.context, { since: middle, until: new Date(Date.now() + 200) })), [
    'late',
    'in time',
  ]);
});

test('filters: of different ones all hold, of one any value, of labels all', async (t) => {
  const web = { name: 'web', image: 'debian:12', tier: 'front', zone: 'a' };
  emit(t.context, 'start', 'aaaa', web);
  emit(t.context, 'exec_start: sh -c x', 'aaaa', web);
  emit(t.context, 'die', 'bbbb', { name: 'db', image: 'postgres', exitCode: '0' });
  t.context.emit({ type: 'image', action: 'pull', id: 'debian:12', attributes: { name: 'debian:12' } });
  const found = async (filters: EventOptions['filters'] & object) =>
    actions(await past(t.context, { filters }));
  t.deepEqual(await found({ container: ['web'] }), ['start', 'exec_start: sh -c x']);
  t.deepEqual(await found({ container: ['aa', 'db'], event: ['start', 'die'] }), ['start', 'die']);
  t.deepEqual(await found({ event: ['exec_start'] }), ['exec_start: sh -c x']);
  t.deepEqual(await found({ type: ['image'] }), ['pull']);
  t.deepEqual(await found({ image: ['debian'] }), ['start', 'exec_start: sh -c x', 'pull']);
  t.deepEqual(await found({ label: ['tier=front', 'zone'], event: ['start'] }), ['start']);
  t.deepEqual(await found({ label: ['tier=back'] }), []);
});

test('a torn line is passed over, and the event that was written behind it is read', async (t) => {
  emit(t.context, 'one');
  const file = join(t.context.directory, 'journal');
  appendFileSync(file, '{"time":"2026-01-01T00:00:00Z","type":"contai');
  emit(t.context, 'two', 'a', { trap: '{"time":"' });
  appendFileSync(file, 'garbage\n[]\n{"time":1}\n{"time":"2026-01-01T0');
  t.deepEqual(actions(await past(t.context)), ['one', 'two']);
});

test('the journal is bounded, and a follower reads on across the turn', async (t) => {
  const file = join(t.context.directory, 'journal');
  const filler = `${'x'.repeat(1023)}\n`;
  writeFileSync(file, filler.repeat(4096 - 2));
  const reading = t.context.read();
  const count = 20;
  for (let n = 0; n < count; n++) emit(t.context, `n${n}`, 'a', { text: 'y'.repeat(500) });
  for (let n = 0; n < count; n++) t.is((await reading.next()).value?.action, `n${n}`);
  await reading.return(undefined);
  t.deepEqual(readdirSync(t.context.directory).sort(), ['journal', 'journal.1']);
  t.true(statSync(`${file}.1`).size < 4.1 * 2 ** 20);
  t.true(statSync(file).size < 20 * 1024);
});

test('an event too long for a line keeps what matters', async (t) => {
  emit(t.context, 'start', 'a', { big: 'z'.repeat(100_000), name: 'web', image: 'debian' });
  t.deepEqual((await past(t.context))[0]?.attributes, { name: 'web', image: 'debian' });
});

test('writers in several threads lose nothing while the journal turns over', async (t) => {
  const file = join(t.context.directory, 'journal');
  writeFileSync(file, `${'x'.repeat(1023)}\n`.repeat(4000));
  const [writers, each] = [4, 400];
  const followers = [t.context.read(), t.context.read()];
  const program = `
    const { workerData } = require('node:worker_threads');
    const { appendEvent } = require(workerData.addon);
    for (let n = 0; n < ${each}; n++)
      appendEvent(workerData.directory, JSON.stringify({ type: 'container', action: 'n', id: workerData.id + '-' + n,
        attributes: { text: 'y'.repeat(300) } }).slice(1) + '\\n');`;
  const { nativeFile } = await import('../../bindings/load.ts');
  const done = Array.from({ length: writers }, (_, id) => {
    const workerData = { addon: nativeFile('strake.node'), directory: t.context.directory, id: String(id) };
    const worker = new Worker(program, { eval: true, workerData });
    return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  });
  for (const follower of followers) {
    const seen = new Set<string>();
    while (seen.size < writers * each) seen.add((await follower.next()).value?.id ?? '');
    await follower.return(undefined);
    t.is(seen.size, writers * each);
  }
  await Promise.all(done);
});

test('an aborted reading rejects, and a time that is none is refused', async (t) => {
  const abort = new AbortController();
  const reading = t.context.read({ signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  await t.throwsAsync(reading.next(), { code: 'ERR_ABORTED' });
  t.throws(() => t.context.read({ since: 'yesterday' }), { code: 'ERR_INVALID_ARGUMENT' });
});

test('a directory that is gone costs the event and nothing else', (t) => {
  rmSync(t.context.directory, { recursive: true });
  t.notThrows(() => emit(t.context, 'start'));
  t.context.prepare();
});
