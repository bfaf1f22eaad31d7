import { randomUUID } from 'node:crypto';
import test from 'ava';
import { openS3Storage } from '../../lib/registry-server/index.ts';
import { registryStorageContract } from '../contracts/registry-storage.ts';
import { locationOf, openS3Server } from '../fixtures/s3-server.ts';

registryStorageContract('s3', async (t) => openS3Storage(locationOf(await openS3Server(t), 'team/')));
registryStorageContract('s3 without conditional writes', async (t) =>
  openS3Storage({ ...locationOf(await openS3Server(t, { conditional: false })), alone: true }),
);

test('a store without conditional writes is refused, unless one process is to use it', async (t) => {
  const server = await openS3Server(t, { conditional: false });
  await t.throwsAsync(openS3Storage(locationOf(server)), { code: 'ERR_OBJECT_STORE_UNSUITABLE' });
  t.truthy(await openS3Storage({ ...locationOf(server), alone: true }), randomUUID());
});
