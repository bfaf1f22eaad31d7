import { runCommandLine } from './index.ts';
import { flushed } from './output.ts';
import { reportLostOutput } from './report-error.ts';

// Nobody reads on, or the disk is full: where no stream has a listener of its own (asking for stdout costs milliseconds).
process.on('uncaughtException', (error) => process.exit(reportLostOutput(error)));

// Ends not by letting the loop run dry: an open stdin would keep it alive. A write that failed says so before the next turn
// of the loop.
runCommandLine(process.argv.slice(2)).then(async (code) => {
  await flushed();
  setImmediate(() => process.exit(code));
});
