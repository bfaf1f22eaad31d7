/**
 * Content by digest: what a source and a sink of bytes are, the store of blobs on this machine's disk, its interrupted
 * downloads, and leases on what has no name yet. It knows nothing of names, of registries, or of what a layer unpacks to.
 */
export { BlobStore, type SmallBlob } from './blob-store.ts';
export type { ContentBody, ContentSink, ContentSource } from './content.ts';
export { Leases, type Needs } from './leases.ts';
export { type PartialDownload, Partials } from './partials.ts';
export { sizeMismatch, verifyBytes } from './verify.ts';
