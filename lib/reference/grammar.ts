/**
 * The grammar of image names, as Docker's distribution/reference defines it:
 *
 *     reference  := name [ ":" tag ] [ "@" digest ]
 *     name       := [ domain "/" ] component ( "/" component )*
 *     domain     := host [ ":" port ]     host := domain name | IPv4 address | "[" IPv6 address "]"
 *     component  := alphanumeric ( separator alphanumeric )*     alphanumeric := [a-z0-9]+
 *     separator  := [_.] | "__" | "-"+
 *     tag        := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
 *
 * Every pattern is linear in its input: no two quantifiers can match the same text.
 */
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';

export const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
export const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
export const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** An image's id without its algorithm: no name, since it could not be told from an id. */
export const hexIdPattern = /^[a-f0-9]{64}$/;

/** Characters of the longest path of a repository, and of the longest host name (RFC 1035) with its port. */
export const maxPathLength = 255;
/** Characters of the longest text worth parsing: domain, path, tag and digest with their separators. */
export const maxReferenceLength = 2 * 256 + 128 + 1 + 'sha512:'.length + 128;

/** Whether a text is a repository's path within a registry. */
export function isRepositoryPath(text: string): boolean {
  return (
    text.length <= maxPathLength && text.split('/').every((component) => componentPattern.test(component))
  );
}

/** Whether a text is a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}
