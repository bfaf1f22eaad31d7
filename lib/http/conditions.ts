/** A strong entity tag (RFC 9110, 8.8.3) of something that is named by its content. */
export function strongEtag(name: string): string {
  return `"${name}"`;
}

/** Whether `If-None-Match` names what there is: the answer to a GET or HEAD is then 304 (RFC 9110, 13.1.2). */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const named = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return named.includes('*') || named.includes(etag);
}
