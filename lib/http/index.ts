/**
 * What servers share: listeners with TLS and an orderly end, routing, bounded bodies, ranges and conditions (RFC 9110). It
 * knows no server: nothing of registries or engines, no error document and no authentication.
 */
export { isNotModified, strongEtag } from './conditions.ts';
export {
  type Listener,
  type ListenerOptions,
  type ListenerPlace,
  openListener,
  type TlsFiles,
} from './listener.ts';
export { isLoopback } from './loopback.ts';
export { type ByteRange, parseRange, type RangeAnswer } from './ranges.ts';
export { readBody } from './read-body.ts';
export { type Route, Router, type RouterAnswer } from './router.ts';
export { sendBody } from './send-body.ts';
export { bytesSentByKernel, sendFile } from './send-file.ts';
export { sendStream } from './send-stream.ts';
export { unixSocketPath } from './unix-socket.ts';
