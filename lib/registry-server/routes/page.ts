import type { OutgoingHttpHeaders } from 'node:http';
import { isNotModified } from '../../http/index.ts';
import { type Exchange, type Handler, reply } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { builtPage, type PageFile, readPageFiles } from '../web/page-files.ts';

/** What the page may do: run its own scripts, and ask this registry. Nothing inline, nothing from elsewhere, in no frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const safeguards = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** `GET /`: the page is at `/ui/`. */
export const root: Handler = {
  needs: () => [],
  answer: async (exchange) => reply(exchange, 302, { location: '/ui/', 'cache-control': 'no-cache' }),
};

/** `GET /ui/…`: a file of the page, or, for what has no dot, the page itself, which looks at its address. */
export function pageOf(folder: string = builtPage()): Handler {
  let files: ReturnType<typeof readPageFiles> | undefined;
  return {
    needs: () => [],
    answer: async (exchange) => {
      files ??= readPageFiles(folder);
      const all = await files;
      if (all === undefined) {
        files = undefined;
        throw new Refusal('UNSUPPORTED', 'the page has not been built: npm run build:ts', { status: 404 });
      }
      const { path = '' } = exchange.parameters;
      const file = all.get(path) ?? (path.startsWith('assets/') ? undefined : all.get('index.html'));
      if (file === undefined) throw new Refusal('UNSUPPORTED', 'the page has no such file', { status: 404 });
      sendPageFile(exchange, path, file);
    },
  };
}

/** Files below assets/ have their content's hash in their names: they never change. */
function sendPageFile(exchange: Exchange, path: string, file: PageFile): void {
  const { headers } = exchange.request;
  const known: OutgoingHttpHeaders = {
    ...safeguards,
    etag: file.etag,
    vary: 'accept-encoding',
    'cache-control': path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (isNotModified(headers['if-none-match'], file.etag)) {
    reply(exchange, 304, known);
    return;
  }
  const [encoding, bytes] = packed(file, headers['accept-encoding']);
  reply(
    exchange,
    200,
    { 'content-type': file.type, ...(encoding && { 'content-encoding': encoding }), ...known },
    bytes,
  );
}

function packed(
  file: PageFile,
  accepted: string | string[] | undefined,
): readonly [string | undefined, Buffer] {
  const names = String(accepted ?? '')
    .split(',')
    .filter((one) => !/;\s*q=0(\.0*)?\s*$/.test(one))
    .map((one) => one.split(';')[0]?.trim());
  if (file.brotli && names.includes('br')) return ['br', file.brotli];
  if (file.gzip && names.includes('gzip')) return ['gzip', file.gzip];
  return [undefined, file.bytes];
}
