import type { ImageReference } from '../reference/index.ts';
import type { RepositoryOptions } from './connection.ts';
import type { RemoteRepository } from './remote-repository.ts';
import type { RemoteSink } from './remote-sink.ts';
import { Repository } from './repository.ts';
import { UploadRepository } from './upload-repository.ts';

export type { RepositoryOptions } from './connection.ts';

/**
 * Opens the repository that a reference names. Nothing is sent yet; dispose the repository when done.
 * @throws EngineError ERR_CREDENTIALS_INVALID when the credentials given are incomplete
 */
export function openRemoteRepository(
  reference: ImageReference,
  options: RepositoryOptions = {},
): RemoteRepository {
  return new Repository(reference, options);
}

/**
 * Opens the repository that a reference names, to put content there. `mountFrom` lists repositories (paths) of the same
 * registry from which blobs may be mounted: the rights to read them are asked for as well. Nothing is sent yet; dispose
 * the sink when done.
 * @throws EngineError ERR_CREDENTIALS_INVALID when the credentials given are incomplete
 */
export function openRemoteSink(
  reference: ImageReference,
  options: RepositoryOptions & { readonly mountFrom?: readonly string[] } = {},
): RemoteSink {
  return new UploadRepository(reference, options, options.mountFrom ?? []);
}
