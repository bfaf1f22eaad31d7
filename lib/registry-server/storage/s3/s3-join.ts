import { type EngineError, isEngineError } from '../../../errors/index.ts';
import { refused, type S3Client } from './s3-client.ts';
import type { Chunk } from './s3-upload-record.ts';

/** Parts that the store copies at once. */
const mostAtOnce = 6;
const patience = 600_000;

/**
 * Joins chunks to one object (CreateMultipartUpload, UploadPartCopy, CompleteMultipartUpload): the store copies, the bytes do
 * not come here. A store that cannot copy parts is sent them.
 */
export async function joinChunks(client: S3Client, chunks: readonly Chunk[], key: string): Promise<void> {
  const begun = await client.send('POST', key, { query: { uploads: '' } });
  const id = /<UploadId>([^<]+)<\/UploadId>/.exec(begun.body.toString())?.[1];
  if (id === undefined) throw refused(`POST ${key}?uploads`, begun.status, begun.body.toString());
  try {
    const etags = await copyAll(client, chunks, key, id);
    const parts = etags.map(
      (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    await complete(client, key, id, `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
  } catch (error) {
    await client.send('DELETE', key, { query: { uploadId: id }, accept: [404, 501] }).catch(() => undefined);
    throw error;
  }
}

async function copyAll(
  client: S3Client,
  chunks: readonly Chunk[],
  key: string,
  id: string,
): Promise<string[]> {
  const etags: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < chunks.length; at = next++)
      etags[at] = await copyPart(client, chunks[at] as Chunk, key, {
        partNumber: String(at + 1),
        uploadId: id,
      });
  };
  await Promise.all(Array.from({ length: mostAtOnce }, worker));
  return etags;
}

async function copyPart(
  client: S3Client,
  chunk: Chunk,
  key: string,
  query: { readonly partNumber: string; readonly uploadId: string },
): Promise<string> {
  const source = [client.location.bucket, ...chunk.key.split('/')].map(encodeURIComponent).join('/');
  const headers = { 'x-amz-copy-source': `/${source}` };
  const copied = await client.send('PUT', key, { query, headers, timeout: patience, accept: [501] });
  const etag = /<ETag>([^<]+)<\/ETag>/.exec(copied.body.toString())?.[1];
  if (etag !== undefined) return etag;
  if (copied.status !== 501)
    throw refused(`PUT ${key}, part ${query.partNumber}`, copied.status, copied.body.toString());
  const { body } = await client.send('GET', chunk.key, { timeout: patience });
  const sent = await client.send('PUT', key, { query, body, timeout: patience });
  return sent.headers.get('etag') ?? '';
}

/** The answer of status 200 may say that it failed; one to an attempt after the first, that it was done before. */
async function complete(client: S3Client, key: string, id: string, body: string): Promise<void> {
  try {
    const { body: answer } = await client.send('POST', key, {
      query: { uploadId: id },
      body,
      headers: { 'content-type': 'application/xml' },
      timeout: patience,
    });
    if (answer.includes('<Error>')) throw refused(`POST ${key}`, 200, answer.toString());
  } catch (error) {
    if (!isEngineError(error, 'ERR_OBJECT_STORE') || !(await exists(client, key))) throw error as EngineError;
  }
}

async function exists(client: S3Client, key: string): Promise<boolean> {
  return (await client.send('HEAD', key, { accept: [404] })).status < 300;
}
