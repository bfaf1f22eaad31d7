import type { SecurityOptions } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { defined } from './defined.ts';

/** SecurityOpt, and the paths beside it. A seccomp profile comes whole, as the CLI has read it. @throws Refusal 400 */
export function securityOptions(host: Fields): SecurityOptions {
  const options = (host.texts('SecurityOpt') ?? []).map(securityOption);
  const labels = options.map(({ label }) => label).filter((label) => label !== undefined);
  const label = labels.includes('disable') ? 'disable' : Object.assign({}, ...labels);
  return {
    ...Object.assign({}, ...options),
    ...(labels.length > 0 && { label }),
    ...defined({ maskedPaths: host.texts('MaskedPaths'), readonlyPaths: host.texts('ReadonlyPaths') }),
  };
}

function securityOption(option: string): SecurityOptions {
  const [, name = '', text] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
  const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (read === undefined) throw invalid(option);
  return read(text, option);
}

type Reader = (text: string | undefined, option: string) => SecurityOptions;

const readers: Readonly<Record<string, Reader>> = {
  'no-new-privileges': (text, option) => ({ noNewPrivileges: truth(text, option) }),
  'writable-cgroups': (text, option) => ({ writableCgroups: truth(text, option) }),
  seccomp: (text = '') => ({ seccomp: seccompProfile(text) }),
  apparmor: (text, option) => {
    if (!text) throw invalid(option);
    return { apparmor: text };
  },
  label: (text = '', option) => {
    if (text === 'disable') return { label: 'disable' };
    const [, field = '', content = ''] = /^(user|role|type|level):(.+)$/.exec(text) ?? [];
    if (content === '') throw invalid(option);
    return { label: { [field]: content } };
  },
};

function seccompProfile(text: string): NonNullable<SecurityOptions['seccomp']> {
  if (text === 'unconfined') return 'unconfined';
  if (text === 'builtin' || text === 'default' || text === '') return 'default';
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw badRequest(`Decoding seccomp profile failed: ${(error as Error).message}`, error);
  }
}

function truth(text: string | undefined, option: string): boolean {
  if (text === undefined || text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw invalid(option);
}

function invalid(option: string) {
  return badRequest(`invalid --security-opt: ${JSON.stringify(option.slice(0, 200))}`);
}
