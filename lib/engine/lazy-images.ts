import type { EventJournal } from '../events/index.ts';
import type { Image, Images, PullProgress, PullTask, RemovedImage } from '../images/index.ts';

type Events = Pick<EventJournal, 'emit'>;

/** Images that are opened (and their code loaded) when something is first asked of them; what is done to them is told. */
export function lazyImages(events: Events, open: () => Promise<Images>): Images {
  let opened: Promise<Images> | undefined;
  const images = () => {
    opened ??= open();
    return opened;
  };
  return {
    pull: (...call) =>
      deferPull(
        events,
        images().then((ready) => ({ task: ready.pull(...call) })),
      ),
    list: async () => await (await images()).list(),
    inspect: async (...call) => await (await images()).inspect(...call),
    remove: async (...call) => {
      const removed = await (await images()).remove(...call);
      for (const one of removed) tellRemoved(events, one);
      return removed;
    },
    sweep: async () => await (await images()).sweep(),
  };
}

function tellRemoved(events: Events, removed: RemovedImage): void {
  if ('untagged' in removed) events.emit({ type: 'image', action: 'untag', id: removed.untagged });
  else events.emit({ type: 'image', action: 'delete', id: removed.deleted });
}

/** In a box, since a promise of a thenable would wait for the pull itself. */
function deferPull(events: Events, boxed: Promise<{ task: PullTask }>): PullTask {
  const image = boxed.then(({ task }): PromiseLike<Image> => task);
  const tell = ({ reference }: Image) =>
    events.emit({ type: 'image', action: 'pull', id: reference, attributes: { name: reference } });
  image.then(tell, () => undefined); // whoever only iterates is told by the iteration
  return {
    // biome-ignore lint/suspicious/noThenProperty: a PullTask is awaitable by its contract
    then: (resolve, reject) => image.then(resolve, reject),
    async *[Symbol.asyncIterator](): AsyncGenerator<PullProgress> {
      const { task } = await boxed;
      yield* task;
    },
  };
}
