/**
 * Bundles become tasks: one monitor process for each (native/monitor), which outlives this one. A task is launched,
 * attached to, executed in, signalled, waited for and asked for its state by its run directory alone, from any
 * process. OCI only: this room knows neither images nor containers, and imports nothing of them. What has to be removed
 * after a failed launch is the caller's.
 */
export { type AttachTaskOptions, attachTask, reloadTask } from './attach.ts';
export { type ExecDescription, type ExecTaskOptions, execTask, runExec } from './exec.ts';
export { type LaunchOptions, launchTask } from './launch.ts';
export { type RunTaskOptions, runTask, type TaskResult } from './run.ts';
export { killTask, type TaskState, taskState, waitTask } from './state.ts';
export { type ExitStatus, type MonitorWarning, Task } from './task.ts';
export type {
  Bundle,
  CompanionEvent,
  EventSource,
  HealthDescription,
  JoinDescription,
  LogDescription,
  NetworkDescription,
  RestartDescription,
  RootfsDescription,
  StdinMode,
  StdioSelection,
  TaskDescription,
  TerminalSize,
} from './task-description.ts';
export { type LateProcess, launchWaiting, type WaitingTask } from './waiting-task.ts';
