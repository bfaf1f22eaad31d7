import type { ImageReference } from '../reference/index.ts';
import type { RepositoryOptions } from './connection.ts';
import type { RemoteRepository } from './remote-repository.ts';
import { Repository } from './repository.ts';

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
