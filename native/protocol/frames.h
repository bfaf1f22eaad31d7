// What travels between a client (the addon's side, TypeScript) and a monitor, on one stream socket: the
// socketpair that the launcher inherits to it as descriptor 3, and each connection to its attach.sock. Both
// carry the same frames.
//
//   frame = type u8 · reserved u8[3] = 0 · length u32 big-endian · payload[length]        (length <= 1 MiB)
//
// monitor -> client
//
//   stdout, stderr   bytes (a tty has stdout only)
//   started          JSON {"pid":N,"pidStart":"…","startedAt":"RFC 3339 ns"}
//                    launcher: once, after warnings and traces; attach: first
//   failed           JSON {"code","step","errno","path","message"}
//                    launcher only, instead of started; then EOF
//   ready            JSON {}: with task.json's "waits", in place of started: all is set up but the process
//   exited           JSON {"exitCode","signal"?,"oomKilled","finishedAt"}
//                    last frame, after the last output byte; then EOF. exitCode is 128+n for a signal. It is
//                    sent when the status is recorded and, for autoRemove, when the container's directories
//                    and cgroup are gone. What the client sends after that is read and dropped.
//   trace            JSON [["step",N],…], only with STRAKE_TRACE: when each ended, in nanoseconds of
//                    CLOCK_MONOTONIC; in no order
//   dropped          JSON {"code","message"}: attach.sock only, after what it is owed: it was too slow. The
//                    connection ends with it
//   reloaded         JSON {}, or {"code","step","errno","path","message"}: to the client that sent reload
//   warning          JSON {"code","message"}: a degraded setting (nested machines), before started; later
//                    only ERR_LOG_FAILED, once
//
// client -> monitor
//
//   stdin            bytes
//   stdinClose       empty
//   resize           rows u16 cols u16, big-endian
//   go               after ready: the working directory, the number of arguments, the arguments and the
//   environment,
//                    each ended by NUL; started or failed follows. A launcher that ends its side instead
//                    wants the container no more: it and its directories are removed, and no frame follows
//   reload           empty: the task's network is another one now (task.json); what differs is connected,
//                    disconnected, published, and reloaded follows
//   attach           JSON {"stdin":bool,"stdout":bool,"stderr":bool}
//                    first frame on attach.sock; the launcher's connection is attached as task.json says and
//                    sends none
//
// A launcher that does not read is waited for (the container's pipe fills, as docker's does): nothing of what
// a foreground `run` wrote is lost. A client of attach.sock has a mebibyte of its own; once it is further
// behind it has two seconds to take half of that, while the container waits, and is dropped when it does not.
// One that hangs up is gone.
#pragma once
#include <cstdint>

namespace strake::protocol {

enum class Frame : uint8_t {
  stdinData = 0,
  stdoutData = 1,
  stderrData = 2,
  started = 3,
  failed = 4,
  exited = 5,
  trace = 6,
  warning = 7,
  stdinClose = 8,
  resize = 9,
  attach = 10,
  ready = 11,
  go = 12,
  dropped = 13,
  reload = 14,
  reloaded = 15,
};

inline constexpr uint32_t headerSize = 8;
inline constexpr uint32_t maxPayload = 1U << 20;

}  // namespace strake::protocol
