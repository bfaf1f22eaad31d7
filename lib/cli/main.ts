import { runCommandLine } from './index.ts';

const code = await runCommandLine(process.argv.slice(2));
// Not by letting the loop run dry: an open stdin would keep it alive. What was written to a pipe is written already.
process.exit(code);
