import { runCommandLine } from './index.ts';

// Ends not by letting the loop run dry: an open stdin would keep it alive. What was written to a pipe is written already.
runCommandLine(process.argv.slice(2)).then((code) => process.exit(code));
