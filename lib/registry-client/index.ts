/**
 * A repository of a registry as a content source and a content sink: which hosts answer for it, how they are reached,
 * asked, and believed. It verifies what it reads whole and leaves layers to the store that takes them; it parses no
 * manifest, selects no platform, and keeps nothing on disk.
 */

export type { ExplicitCredentials } from './credentials.ts';
export { listTags } from './list-tags.ts';
export { type Login, login, logout, type StoredLogin, verifyLogin } from './login.ts';
export { openRemoteRepository, openRemoteSink, type RepositoryOptions } from './open-remote-repository.ts';
export type { RemoteBody, RemoteRepository, ResolvedManifest } from './remote-repository.ts';
export type { BlobToSend, PutBlobOptions, RemoteSink } from './remote-sink.ts';
export { type FoundRepository, type SearchOptions, searchRegistry } from './search.ts';
