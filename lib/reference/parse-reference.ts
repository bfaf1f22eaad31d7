import { EngineError, isEngineError } from '../errors/index.ts';
import { type Digest, parseDigest } from '../oci/index.ts';
import {
  componentPattern,
  domainPattern,
  hexIdPattern,
  maxPathLength,
  maxReferenceLength,
  tagPattern,
} from './grammar.ts';
import { defaultDomain, type ImageReference, looksLikeDomain, officialPath } from './image-reference.ts';

/**
 * Parses the name of an image as people write it. `ubuntu` means `docker.io/library/ubuntu:latest`; the first component
 * is a registry when it has a dot, a colon or an upper-case letter, or is `localhost`; `index.docker.io` is `docker.io`.
 * A tag of `latest` is added when there is neither tag nor digest.
 * @throws EngineError ERR_REFERENCE_INVALID, which says what is wrong and how to mend it
 */
export function parseReference(text: string): ImageReference {
  const fail = (complaint: string) => invalid(text, complaint);
  if (text === '') throw fail('the name is empty');
  if (text.length > maxReferenceLength) throw fail(`it is longer than ${maxReferenceLength} characters`);
  if (hexIdPattern.test(text)) throw fail("64 hex digits are an image's id and cannot be a name");
  refuseLookalikes(text, fail);
  const { name, tag, digest } = split(text);
  if (tag !== undefined) checkTag(tag, fail);
  const { domain, path } = parseName(name, fail);
  const content = digest === undefined ? undefined : parseContentDigest(digest, fail);
  const effectiveTag = tag ?? (content === undefined ? 'latest' : undefined);
  return {
    domain,
    path,
    ...(effectiveTag !== undefined && { tag: effectiveTag }),
    ...(content !== undefined && { digest: content }),
  };
}

type Fail = (complaint: string) => EngineError;

/** Cuts at the `@`, then at the last colon behind the last slash: a colon before that belongs to a port. */
function split(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@');
  const tagged = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? {} : { digest: text.slice(at + 1) };
  const colon = tagged.lastIndexOf(':');
  if (colon === -1 || colon < tagged.lastIndexOf('/')) return { name: tagged, ...digest };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), ...digest };
}

function parseName(name: string, fail: Fail): { domain: string; path: string } {
  if (name === '') throw fail('there is no name before the tag or digest');
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const hasDomain = looksLikeDomain(first);
  const domain = hasDomain ? canonicalDomain(first) : defaultDomain;
  const rest = hasDomain ? name.slice(slash + 1) : name;
  if (domain.length > maxPathLength) throw fail("the registry's host name is too long");
  if (!domainPattern.test(domain)) throw fail(domainComplaint(domain));
  for (const component of rest.split('/')) checkComponent(component, fail);
  const path = domain === defaultDomain && !rest.includes('/') ? officialPath + rest : rest;
  if (path.length > maxPathLength) {
    throw fail(`the repository's path has ${path.length} characters; at most ${maxPathLength} are allowed`);
  }
  return { domain, path };
}

function canonicalDomain(domain: string): string {
  return domain === 'index.docker.io' ? defaultDomain : domain;
}

function parseContentDigest(digest: string, fail: Fail): Digest {
  try {
    return parseDigest(digest);
  } catch (error) {
    throw isEngineError(error) ? fail(error.message) : error;
  }
}

function refuseLookalikes(text: string, fail: Fail): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme !== null) throw fail(`leave out ${JSON.stringify(scheme[0])}: an image's name is no URL`);
  if (/\s/.test(text)) throw fail('it contains white space');
  if (text.startsWith('-')) throw fail('it begins with "-"; an option may be in the wrong place');
  if (text.startsWith('/')) throw fail('it begins with "/"');
  if (text.endsWith('/')) throw fail('it ends with "/"');
}

function checkComponent(component: string, fail: Fail): void {
  if (componentPattern.test(component)) return;
  if (component === '') throw fail('it has two slashes in a row');
  const shown = JSON.stringify(component);
  if (/[A-Z]/.test(component) && componentPattern.test(component.toLowerCase())) {
    throw fail(`the repository must be lower case: write ${JSON.stringify(component.toLowerCase())}`);
  }
  if (/:/.test(component)) throw fail(`a tag may only follow the last component, not stand in ${shown}`);
  const odd = /[^a-z0-9._-]/.exec(component);
  if (odd !== null) throw fail(`${JSON.stringify(odd[0])} may not occur in a repository's name`);
  throw fail(`${shown} must begin and end with a-z or 0-9, with only ".", "_", "__" or dashes between`);
}

function checkTag(tag: string, fail: Fail): void {
  if (tagPattern.test(tag)) return;
  if (tag === '') throw fail('the tag after ":" is missing');
  if (tag.length > 128) throw fail(`the tag has ${tag.length} characters; at most 128 are allowed`);
  throw fail(
    `the tag ${JSON.stringify(tag)} may have only letters, digits, "_", "." and "-", and not begin with "." or "-"`,
  );
}

function domainComplaint(domain: string): string {
  const shown = JSON.stringify(domain);
  if (/:[^\]]*$/.test(domain) && !/:[0-9]+$/.test(domain)) return `the port in ${shown} must be a number`;
  if (/_/.test(domain)) return `a registry's host name has no underscore: ${shown}`;
  return `${shown} is no host name, with an optional port`;
}

function invalid(text: string, complaint: string): EngineError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return new EngineError(
    'ERR_REFERENCE_INVALID',
    `invalid image name ${JSON.stringify(shown)}: ${complaint}`,
    {
      details: { reference: shown },
    },
  );
}
