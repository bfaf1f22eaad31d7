import { EngineError } from '../../../errors/index.ts';

/** A bucket of an S3-compatible store, where in it a registry's objects are, and who we are there. */
export interface S3Location {
  /** `https://s3.eu-central-1.amazonaws.com`: without the bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Before all keys; empty, or ending with a slash. */
  readonly prefix: string;
  /** Whether the bucket is the first part of the path and not of the host's name: true unless it is AWS itself. */
  readonly pathStyle: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What else stands in the query of a storage's URL. */
export interface S3Choices {
  /** Whether clients are sent to the store for blobs, by presigned URLs. */
  readonly redirect: boolean;
  /** Whether the store lacks conditional writes, and one process at a time serves it. */
  readonly alone: boolean;
}

/** Whether a `--storage` is a bucket and no directory. */
export function isS3Url(text: string): boolean {
  return text.startsWith('s3://');
}

const known = ['endpoint', 'region', 'style', 'redirect', 'alone'];

/**
 * Reads `s3://BUCKET/PREFIX?endpoint=URL&region=R&style=path|host&redirect=true&alone=true`, with what the environment says in
 * AWS's own words: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3,
 * AWS_ENDPOINT_URL. ERR_CONFIG_INVALID.
 */
export function parseS3Url(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): S3Location & S3Choices {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host))
    throw invalid(text, 'write s3://BUCKET/PREFIX, and the keys into the environment');
  const query = url.searchParams;
  for (const key of query.keys()) if (!known.includes(key)) throw invalid(text, `${key} is none of ${known}`);
  const region = query.get('region') ?? environment.AWS_REGION ?? 'us-east-1';
  const given = query.get('endpoint') ?? environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  const endpoint = given ?? `https://s3.${region}.amazonaws.com`;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw invalid(text, `the endpoint ${endpoint} is no URL`);
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  return {
    ...credentialsOf(text, environment),
    endpoint,
    region,
    bucket: url.host,
    prefix: path === '' ? '' : `${path}/`,
    pathStyle: (query.get('style') ?? (given === undefined ? 'host' : 'path')) === 'path',
    redirect: query.get('redirect') === 'true',
    alone: query.get('alone') === 'true',
  };
}

function credentialsOf(text: string, environment: Readonly<Record<string, string | undefined>>) {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  if (!accessKeyId || !secretAccessKey)
    throw invalid(text, 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment');
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

function invalid(text: string, remedy: string): EngineError {
  // Whoever writes a secret where none belongs does not find it in a log.
  const shown = text.slice(0, 200).replace(/\/\/[^/?]*@/g, '//…@');
  return new EngineError('ERR_CONFIG_INVALID', `invalid storage ${JSON.stringify(shown)}: ${remedy}`, {
    details: { storage: shown },
  });
}
