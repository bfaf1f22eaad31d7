"""Runs a program on a pseudo terminal: waits for texts, types answers, copies its output, and exits with its code.

usage: pty-driver.py STEPS PROGRAM [ARGUMENT...]    STEPS: JSON [[wait for, type], ...]; type "RESIZE rows cols" resizes
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps = json.loads(sys.argv[1])
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))
before = termios.tcgetattr(slave)

pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(master)
    os.execvp(sys.argv[2], sys.argv[2:])

seen = b''
status = None
deadline = time.monotonic() + 30
while True:
    # An empty text: as soon as the terminal is raw, that is, somebody reads it.
    while steps:
        wanted, typed = steps[0]
        ready = wanted.encode() in seen if wanted else not termios.tcgetattr(slave)[3] & termios.ICANON
        if not ready:
            break
        steps.pop(0)
        seen = b''
        if typed.startswith('RESIZE '):
            rows, cols = map(int, typed.split()[1:])
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))
        else:
            os.write(master, typed.encode())
    readable, _, _ = select.select([master], [], [], 0.05)
    if readable:
        chunk = os.read(master, 65536)
        seen += chunk
        sys.stdout.buffer.write(chunk)
    if status is None:
        done, found = os.waitpid(pid, os.WNOHANG)
        status = found if done else None
    elif not readable:
        break
    if time.monotonic() > deadline:
        os.kill(pid, signal.SIGKILL)
        sys.exit('pty-driver: too slow')

after = termios.tcgetattr(slave)
print('restored:', 'yes' if after[:4] == before[:4] else 'no')
sys.exit(os.waitstatus_to_exitcode(status))
