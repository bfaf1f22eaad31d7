/**
 * Content by digest: what a source and a sink of bytes are, the store of blobs on this machine's disk, its interrupted
 * downloads, and leases on what has no name yet. It knows nothing of names, of registries, or of what a layer unpacks to.
 */
export { BlobStore, type SmallBlob } from './blob-store.ts';
export type { ContentBody, ContentSink, ContentSource, FilePlace } from './content.ts';
export { copyContent, copyGraph, listGraph } from './copy-graph.ts';
export { fetchBytes } from './fetch-bytes.ts';
export { Leases, type Needs } from './leases.ts';
export { type PartialDownload, Partials } from './partials.ts';
export { sizeMismatch, verifiedBody, verifyBytes } from './verify.ts';
