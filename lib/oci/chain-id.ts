import { type Digest, digestOf } from './digest.ts';

/**
 * The name of every stack of layers, base first: entry n names the tree that layers 0 to n make together
 * (OCI image-spec 1.1, config.md, "Layer ChainID").
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chain;
}

/** The name of the whole stack; null for an image without layers. */
export function chainId(diffIds: readonly Digest[]): Digest | null {
  return chainIds(diffIds).at(-1) ?? null;
}
