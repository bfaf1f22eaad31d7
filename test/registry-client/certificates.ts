import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificates extends AsyncDisposable {
  /** Paths of PEM files. `cert` is for 127.0.0.1 and localhost, signed by `ca`. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly directory: string;
}

/** A certificate authority of the test's own and one server's certificate, made by openssl. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'strake-certificates-'));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=test CA',
    '-days',
    '2',
  );
  await openssl('req', ...newKey, '-keyout', at('key.pem'), '-out', at('csr.pem'), '-subj', '/CN=registry');
  await writeFile(at('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signing = [
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    at('ext'),
  ];
  await openssl('x509', '-req', '-in', at('csr.pem'), '-out', at('cert.pem'), ...signing);
  return {
    ca: at('ca.pem'),
    cert: at('cert.pem'),
    key: at('key.pem'),
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
