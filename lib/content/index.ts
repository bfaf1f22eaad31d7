/**
 * Content by digest: what a source and a sink of bytes are, and the store on this machine's disk. It knows nothing of
 * names, of registries, or of what a layer unpacks to.
 */
export type { ContentBody, ContentSink, ContentSource } from './content.ts';
