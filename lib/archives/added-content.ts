import type { ContentBody, ContentSource, FilePlace } from '../content/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { type Blob, FileSource } from './file-source.ts';

/** Content that is made of a source's, above that source: whatever was not made is the source's own. */
export abstract class AddedContent implements ContentSource {
  protected readonly below: ContentSource;
  protected readonly added = new Map<Digest, Blob>();
  readonly #above: ContentSource;

  /** `name` of what is made, for messages. */
  constructor(name: string, below: ContentSource) {
    this.below = below;
    this.#above = new FileSource(name, (digest) => this.added.get(digest));
  }

  fetch(
    descriptor: Descriptor,
    options?: { readonly offset?: number; readonly signal?: AbortSignal },
  ): Promise<ContentBody> {
    return this.#sourceOf(descriptor).fetch(descriptor, options);
  }

  locate(descriptor: Descriptor): FilePlace | undefined {
    return this.#sourceOf(descriptor).locate?.(descriptor);
  }

  #sourceOf({ digest }: Descriptor): ContentSource {
    return this.added.has(digest) ? this.#above : this.below;
  }
}
