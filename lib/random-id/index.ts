/** Random ids: of containers, anonymous volumes, execs. A leaf room: it knows nothing of what bears them. */
export { randomId } from './random-id.ts';
