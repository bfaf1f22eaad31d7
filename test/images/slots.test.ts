import test from 'ava';
import { Slots } from '../../lib/images/slots.ts';

const { signal } = new AbortController();

test('no more than so many work at once, in the order in which they came', async (t) => {
  const slots = new Slots(2);
  const order: number[] = [];
  let busy = 0;
  const work = [0, 1, 2, 3, 4].map(async (at) => {
    const slot = await slots.take(signal);
    order.push(at);
    busy += 1;
    t.true(busy <= 2);
    await new Promise((resolve) => setTimeout(resolve, 5));
    busy -= 1;
    slot.release();
  });
  await Promise.all(work);
  t.deepEqual(order, [0, 1, 2, 3, 4]);
});

test('who waits can leave, and takes no slot with him', async (t) => {
  const slots = new Slots(1);
  const first = await slots.take(signal);
  const controller = new AbortController();
  const waiting = slots.take(controller.signal);
  controller.abort(new Error('left'));
  await t.throwsAsync(waiting, { message: 'left' });
  first.release();
  (await slots.take(signal)).release();
});
