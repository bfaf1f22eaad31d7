import type { Image, Images, PullProgress, PullTask } from '../images/index.ts';

/** Images that are opened (and their code loaded) when something is first asked of them. */
export function lazyImages(open: () => Promise<Images>): Images {
  let opened: Promise<Images> | undefined;
  const images = () => {
    opened ??= open();
    return opened;
  };
  return {
    pull: (...call) => deferPull(images().then((ready) => ({ task: ready.pull(...call) }))),
    list: async () => await (await images()).list(),
    inspect: async (...call) => await (await images()).inspect(...call),
    remove: async (...call) => await (await images()).remove(...call),
    tag: async (...call) => await (await images()).tag(...call),
    addLayer: async (...call) => await (await images()).addLayer(...call),
    prune: async (...call) => await (await images()).prune(...call),
    usage: async () => await (await images()).usage(),
    sweep: async () => await (await images()).sweep(),
  };
}

/** In a box, since a promise of a thenable would wait for the pull itself. */
function deferPull(boxed: Promise<{ task: PullTask }>): PullTask {
  const image = boxed.then(({ task }): PromiseLike<Image> => task);
  image.catch(() => undefined); // whoever only iterates is told by the iteration
  return {
    // biome-ignore lint/suspicious/noThenProperty: a PullTask is awaitable by its contract
    then: (resolve, reject) => image.then(resolve, reject),
    async *[Symbol.asyncIterator](): AsyncGenerator<PullProgress> {
      const { task } = await boxed;
      yield* task;
    },
  };
}
