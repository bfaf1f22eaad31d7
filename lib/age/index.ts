/**
 * How long ago something was, for people: docker's words, which its clients show as they come. It knows no clock and nothing
 * of what is old.
 */
export { formatDuration } from './format-duration.ts';
