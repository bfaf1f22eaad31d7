import type { BindRecursion, ContainerMount, Propagation } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { defined } from './defined.ts';

const propagations: readonly string[] = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
/** Labels of SELinux are not set here, and consistency is of macOS. */
const withoutEffect = ['rw', 'z', 'Z', 'cached', 'delegated', 'consistent', 'default'];

/** Binds, Mounts and Tmpfs of a HostConfig. @throws Refusal 400 */
export function mountOptions(host: Fields): ContainerMount[] {
  return [
    ...(host.texts('Binds') ?? []).map(parseBind),
    ...(host.objects('Mounts') ?? []).map(parseMount),
    ...Object.entries(host.textMap('Tmpfs') ?? {}).map(([target, options]) => parseTmpfs(target, options)),
  ];
}

/** Config.Volumes: an anonymous volume for each path that nothing is mounted on. */
export function anonymousVolumes(
  paths: readonly string[],
  mounts: readonly ContainerMount[],
): ContainerMount[] {
  const taken = new Set(mounts.map(({ target }) => target.replace(/\/+$/, '')));
  return paths
    .filter((path) => !taken.has(path.replace(/\/+$/, '')))
    .map((target) => ({ type: 'volume', target }));
}

/** `/host:/target[:options]`, `name:/target[:options]`, `/target` */
function parseBind(text: string): ContainerMount {
  const [source = '', target, options = '', ...more] = text.split(':');
  if (target === undefined) return { type: 'volume', target: source };
  if (source === '' || target === '' || more.length > 0)
    throw badRequest(`invalid volume specification: '${text.slice(0, 500)}'`);
  const words = options.split(',').filter((word) => word !== '');
  const propagation = words.find((word) => propagations.includes(word)) as Propagation | undefined;
  const unknown = words.find((word) => !['ro', 'nocopy', ...withoutEffect, ...propagations].includes(word));
  if (unknown !== undefined) throw badRequest(`invalid mode: ${unknown}`);
  const readOnly = words.includes('ro');
  if (source.startsWith('/'))
    return {
      type: 'bind',
      source,
      target,
      readOnly,
      createSource: true,
      ...(propagation && { propagation }),
    };
  if (propagation) throw badRequest(`invalid mode: ${propagation}`);
  return { type: 'volume', name: source, target, readOnly, copy: !words.includes('nocopy') };
}

function parseMount(mount: Fields): ContainerMount {
  const type = mount.text('Type') ?? '';
  const make = Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (make === undefined)
    throw badRequest(`invalid mount config for type ${JSON.stringify(type)}: mount type unknown`);
  return make(mount, mount.text('Target') ?? '');
}

const makers: Readonly<Record<string, (mount: Fields, target: string) => ContainerMount>> = {
  bind: (mount, target) => {
    const options = mount.object('BindOptions');
    return {
      type: 'bind',
      source: mount.text('Source') ?? '',
      target,
      readOnly: mount.flag('ReadOnly') === true,
      ...defined({
        propagation: (options?.text('Propagation') || undefined) as Propagation | undefined,
        recursive: recursion(mount, options),
        createSource: options?.flag('CreateMountpoint'),
      }),
    };
  },
  volume: (mount, target) => {
    const options = mount.object('VolumeOptions');
    const driver = options?.object('DriverConfig');
    const name = driver?.text('Name') || 'local';
    if (name !== 'local')
      throw badRequest(`error looking up volume plugin ${name}: plugin ${JSON.stringify(name)} not found`);
    return {
      type: 'volume',
      target,
      readOnly: mount.flag('ReadOnly') === true,
      copy: options?.flag('NoCopy') !== true,
      ...defined({
        name: mount.text('Source') || undefined,
        subpath: options?.text('Subpath') || undefined,
        labels: options?.textMap('Labels'),
        driverOptions: driver?.textMap('Options'),
      }),
    };
  },
  tmpfs: (mount, target) => {
    const options = mount.object('TmpfsOptions');
    return {
      type: 'tmpfs',
      target,
      readOnly: mount.flag('ReadOnly') === true,
      ...defined({
        size: options?.integer('SizeBytes') || undefined,
        mode: options?.integer('Mode') || undefined,
        options: tmpfsWords(options?.raw('Options')),
      }),
    };
  },
  image: (mount, target) => {
    const subpath = mount.object('ImageOptions')?.text('Subpath');
    return { type: 'image', image: mount.text('Source') ?? '', target, ...(subpath && { subpath }) };
  },
};

function recursion(mount: Fields, options: Fields | undefined): BindRecursion | undefined {
  if (options?.flag('NonRecursive')) return 'disabled';
  if (options?.flag('ReadOnlyNonRecursive') && mount.flag('ReadOnly')) return 'writable';
  return options?.flag('ReadOnlyForceRecursive') ? 'readonly' : undefined;
}

/** `[["exec"], ["uid", "1000"]]` */
function tmpfsWords(options: unknown): string[] | undefined {
  if (options === undefined) return undefined;
  if (Array.isArray(options) && options.every((pair) => Array.isArray(pair)))
    return options.map((pair: unknown[]) => pair.join('='));
  throw badRequest('invalid mount config for type "tmpfs": Options are a list of lists');
}

/** `size=64m,mode=1777,exec` */
function parseTmpfs(target: string, text: string): ContainerMount {
  const words = text.split(',').filter((word) => word !== '');
  const value = (key: string) => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const mode = value('mode');
  const options = words.filter((word) => !/^(size|mode)=/.test(word) && word !== 'rw');
  return {
    type: 'tmpfs',
    target,
    ...defined({
      size: value('size'),
      mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
      options: options.length > 0 ? options : undefined,
    }),
  };
}
