import { namesOfImage } from './find-image.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { isNameless, namelessReference } from './nameless.ts';

/**
 * Gives an image its name, power-loss-safe, taking it from the one that had it: that one stays, without a name if it was
 * its last, until it is removed by its id or pruned (Docker's rule for tag, load, import and commit). An image that was
 * without a name is so no longer. The caller holds a lease on `name`. Answers what had the name before.
 */
export async function publishName(names: NameStore, name: ImageName): Promise<ImageName | undefined> {
  const replaced = await names.read(name.reference);
  if (replaced !== undefined) await keepReplaced(names, replaced, name);
  await names.write(name);
  if (!isNameless(name.reference)) await dropNameless(names, name);
  return replaced;
}

/** The same for an image that gets no name, unless it has one. */
export async function publishNameless(names: NameStore, name: Omit<ImageName, 'reference'>): Promise<void> {
  const known = await namesOfImage(names, name.config.digest);
  if (known.length > 0) return;
  await names.write({ ...name, reference: namelessReference(name.manifest.digest) });
}

async function keepReplaced(names: NameStore, replaced: ImageName, by: ImageName): Promise<void> {
  if (replaced.config.digest === by.config.digest) return;
  const others = await namesOfImage(names, replaced.config.digest);
  if (others.some(({ reference }) => reference !== replaced.reference)) return;
  await names.write({ ...replaced, reference: namelessReference(replaced.manifest.digest) });
}

async function dropNameless(names: NameStore, name: ImageName): Promise<void> {
  const nameless = (await namesOfImage(names, name.config.digest)).filter(({ reference }) =>
    isNameless(reference),
  );
  await names.remove(nameless.map(({ reference }) => reference));
}
