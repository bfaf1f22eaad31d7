import { randomUUID } from 'node:crypto';
import test from 'ava';
import { openS3Storage, parseS3Url } from '../../lib/registry-server/index.ts';
import { registryStorageContract } from '../contracts/registry-storage.ts';
import { locationOf, openS3Server } from '../fixtures/s3-server.ts';

registryStorageContract('s3', async (t) => openS3Storage(locationOf(await openS3Server(t), 'team/')));
registryStorageContract('s3 without conditional writes', async (t) =>
  openS3Storage({ ...locationOf(await openS3Server(t, { conditional: false })), alone: true }),
);

/** Another store, of which a bucket may be filled: STRAKE_S3=s3://BUCKET?endpoint=URL, with AWS_ACCESS_KEY_ID and its secret. */
const given = process.env.STRAKE_S3;
if (given !== undefined)
  registryStorageContract(given, async () =>
    openS3Storage({ ...parseS3Url(given), prefix: `${randomUUID()}/`, clockSkew: 0 }),
  );

test('a store without conditional writes is refused, unless one process is to use it', async (t) => {
  const server = await openS3Server(t, { conditional: false });
  await t.throwsAsync(openS3Storage(locationOf(server)), { code: 'ERR_OBJECT_STORE_UNSUITABLE' });
  await using storage = await openS3Storage({ ...locationOf(server), alone: true });
  t.deepEqual(await storage.list('locks'), []);
});
