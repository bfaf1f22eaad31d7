/**
 * The command line: docker's verbs, flags, output and exit codes over the library. Flags become ContainerOptions here
 * and nowhere else; each command is a file of its own that is loaded when it is called. It decides exit codes and how
 * things look, and nothing about containers.
 */
export { runCommandLine } from './program.ts';
