import type { EventJournal } from '../events/index.ts';
import type { Image, Images, ProgressTask, RemovedImage } from '../images/index.ts';

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
      telling(events, 'pull', defer(images().then((ready) => ({ task: ready.pull(...call) })))),
    push: (...call) => defer(images().then((ready) => ({ task: ready.push(...call) }))),
    import: async (...call) => await (await images()).import(...call),
    copy: (...call) => defer(images().then((ready) => ({ task: ready.copy(...call) }))),
    save: (...call) => iterate(images(), (ready) => ready.save(...call)),
    load: (...call) => defer(images().then((ready) => ({ task: ready.load(...call) }))),
    list: async () => await (await images()).list(),
    inspect: async (...call) => await (await images()).inspect(...call),
    remove: async (...call) => {
      const removed = await (await images()).remove(...call);
      for (const one of removed) tellRemoved(events, one);
      return removed;
    },
    tag: async (...call) => await (await images()).tag(...call),
    addLayer: async (...call) => await (await images()).addLayer(...call),
    history: async (...call) => await (await images()).history(...call),
    scrub: async (...call) => await (await images()).scrub(...call),
    prune: async (...call) => await (await images()).prune(...call),
    usage: async () => await (await images()).usage(),
    sweep: async () => await (await images()).sweep(),
  };
}

function tellRemoved(events: Events, removed: RemovedImage): void {
  if ('untagged' in removed) events.emit({ type: 'image', action: 'untag', id: removed.untagged });
  else events.emit({ type: 'image', action: 'delete', id: removed.deleted });
}

/** The task, whose image is told of when it is there. */
function telling<Step>(
  events: Events,
  action: string,
  task: ProgressTask<Image, Step>,
): ProgressTask<Image, Step> {
  const tell = ({ reference }: Image) =>
    events.emit({ type: 'image', action, id: reference, attributes: { name: reference } });
  task.then(tell, () => undefined); // whoever only iterates is told by the iteration
  return task;
}

/** In a box, since a promise of a thenable would wait for the work itself. */
function defer<Result, Step>(
  boxed: Promise<{ task: ProgressTask<Result, Step> }>,
): ProgressTask<Result, Step> {
  const result = boxed.then(({ task }): PromiseLike<Result> => task);
  result.catch(() => undefined); // whoever only iterates is told by the iteration
  return {
    // biome-ignore lint/suspicious/noThenProperty: a task is awaitable by its contract
    then: (resolve, reject) => result.then(resolve, reject),
    async *[Symbol.asyncIterator](): AsyncGenerator<Step> {
      const { task } = await boxed;
      yield* task;
    },
  };
}

async function* iterate<T>(
  images: Promise<Images>,
  open: (images: Images) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  yield* open(await images);
}
