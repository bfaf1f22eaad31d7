import type { Images, ProgressTask } from '../images/index.ts';

/** Images that are opened (and their code loaded) when something is first asked of them. */
export function lazyImages(open: () => Promise<Images>): Images {
  let opened: Promise<Images> | undefined;
  const images = () => {
    opened ??= open();
    return opened;
  };
  return {
    pull: (...call) => defer(images().then((ready) => ({ task: ready.pull(...call) }))),
    push: (...call) => defer(images().then((ready) => ({ task: ready.push(...call) }))),
    import: async (...call) => await (await images()).import(...call),
    copy: (...call) => defer(images().then((ready) => ({ task: ready.copy(...call) }))),
    save: (...call) => iterate(images(), (ready) => ready.save(...call)),
    load: (...call) => defer(images().then((ready) => ({ task: ready.load(...call) }))),
    list: async () => await (await images()).list(),
    inspect: async (...call) => await (await images()).inspect(...call),
    remove: async (...call) => await (await images()).remove(...call),
    tag: async (...call) => await (await images()).tag(...call),
    addLayer: async (...call) => await (await images()).addLayer(...call),
    history: async (...call) => await (await images()).history(...call),
    scrub: async (...call) => await (await images()).scrub(...call),
    prune: async (...call) => await (await images()).prune(...call),
    usage: async () => await (await images()).usage(),
    sweep: async () => await (await images()).sweep(),
  };
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
