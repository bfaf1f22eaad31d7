import type { EventJournal } from '../events/index.ts';
import type { Images, ProgressTask, RemovedImage } from '../images/index.ts';

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
      telling(defer(images().then((ready) => ({ task: ready.pull(...call) }))), ({ reference }) =>
        tellNamed(events, 'pull', reference, reference),
      ),
    push: (...call) =>
      telling(defer(images().then((ready) => ({ task: ready.push(...call) }))), ({ reference }) =>
        tellNamed(events, 'push', reference, reference),
      ),
    import: async (...call) => {
      const made = await (await images()).import(...call);
      tellNamed(events, 'import', made.id, made.reference);
      return made;
    },
    copy: (...call) => defer(images().then((ready) => ({ task: ready.copy(...call) }))),
    save: async function* (references, options) {
      yield* iterate(images(), (ready) => ready.save(references, options));
      for (const reference of references) tellNamed(events, 'save', reference, reference);
    },
    load: (...call) =>
      telling(defer(images().then((ready) => ({ task: ready.load(...call) }))), (loaded) => {
        for (const { image, references } of loaded)
          for (const name of references.length > 0 ? references : [image.id])
            tellNamed(events, 'load', image.id, name);
      }),
    list: async () => await (await images()).list(),
    inspect: async (...call) => await (await images()).inspect(...call),
    remove: async (...call) => {
      const removed = await (await images()).remove(...call);
      for (const one of removed) tellRemoved(events, one);
      return removed;
    },
    tag: async (source, target) => {
      const ready = await images();
      await ready.tag(source, target);
      const { id, reference } = await ready.inspect(target);
      tellNamed(events, 'tag', id, reference);
    },
    addLayer: async (...call) => await (await images()).addLayer(...call),
    idOfPlatform: async (...call) => await (await images()).idOfPlatform(...call),
    history: async (...call) => await (await images()).history(...call),
    scrub: async (...call) => await (await images()).scrub(...call),
    prune: async (...call) => {
      const pruned = await (await images()).prune(...call);
      for (const one of pruned.removed) tellRemoved(events, one);
      const attributes = { reclaimed: String(pruned.bytes) };
      events.emit({ type: 'image', action: 'prune', id: '', attributes });
      return pruned;
    },
    usage: async () => await (await images()).usage(),
    sweep: async () => await (await images()).sweep(),
  };
}

function tellRemoved(events: Events, removed: RemovedImage): void {
  if ('untagged' in removed) events.emit({ type: 'image', action: 'untag', id: removed.untagged });
  else events.emit({ type: 'image', action: 'delete', id: removed.deleted });
}

function tellNamed(events: Events, action: string, id: string, name: string): void {
  events.emit({ type: 'image', action, id, attributes: { name } });
}

/** The task, whose result is told of when it is there. */
function telling<Result, Step>(
  task: ProgressTask<Result, Step>,
  tell: (result: Result) => void,
): ProgressTask<Result, Step> {
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
