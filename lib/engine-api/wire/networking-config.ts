import type { ContainerOptions, NetworkOption, PortOption } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { defined } from './defined.ts';

type NetworkOptions = Pick<ContainerOptions, 'network' | 'networks' | 'ports' | 'publishAll' | 'links'>;

/** NetworkingConfig.EndpointsConfig, in its order. @throws Refusal 400 */
export function endpointsOf(config: Fields | undefined): NetworkOption[] {
  return (config?.objectMap('EndpointsConfig') ?? []).map(([name, endpoint]) =>
    endpointOption(name, endpoint),
  );
}

/** docker's EndpointSettings: how a container is on the network `name`. @throws Refusal 400 */
export function endpointOption(name: string, endpoint: Fields | undefined): NetworkOption {
  const ipam = endpoint?.object('IPAMConfig');
  if ((ipam?.texts('LinkLocalIPs') ?? []).length > 0)
    throw badRequest('LinkLocalIPs are not available: a link-local address is the interface’s own');
  return {
    name,
    ...defined({
      aliases: endpoint?.texts('Aliases'),
      ip: ipam?.text('IPv4Address') || undefined,
      ip6: ipam?.text('IPv6Address') || undefined,
      mac: endpoint?.text('MacAddress') || undefined,
    }),
  };
}

/**
 * Which networks it is on, by NetworkMode and endpoints, and what leads to it. Ports are without effect, as docker has it, where
 * it has no network of its own.
 */
export function networkOptions(
  host: Fields,
  endpoints: readonly NetworkOption[],
  { defaultNetwork, mac }: { readonly defaultNetwork: string; readonly mac: string | undefined },
): { readonly options: NetworkOptions; readonly warnings: readonly string[] } {
  const asked = host.text('NetworkMode') ?? '';
  const mode = asked === '' || asked === 'default' ? defaultNetwork : asked;
  const ports = portOptions(host);
  const publishAll = host.flag('PublishAllPorts') === true;
  const links = (host.texts('Links') ?? []).map(linkOption);
  if (isOwnMode(mode) && (asked !== '' || endpoints.length === 0)) {
    const isLost = mode === 'host' && (ports.length > 0 || publishAll);
    return {
      options: { network: mode, ...(links.length > 0 && { links }) },
      warnings: isLost ? ['Published ports are discarded when using host network mode'] : [],
    };
  }
  const named = endpoints.map((one) => (one.name === 'default' ? { ...one, name: 'bridge' } : one));
  const [first = { name: mode }, ...others] = inOrder(named, mode);
  return {
    options: {
      networks: [{ ...first, ...(mac && { mac }) }, ...others],
      ...(ports.length > 0 && { ports }),
      ...(publishAll && { publishAll }),
      ...(links.length > 0 && { links }),
    },
    warnings: [],
  };
}

function isOwnMode(mode: string): boolean {
  return mode === 'none' || mode === 'host' || mode.startsWith('container:');
}

/** That of the mode first. */
function inOrder(endpoints: readonly NetworkOption[], mode: string): NetworkOption[] {
  const first = endpoints.filter(({ name }) => name === mode);
  return [...first, ...endpoints.filter(({ name }) => name !== mode)];
}

/** `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}` */
function portOptions(host: Fields): PortOption[] {
  return (host.objectListMap('PortBindings') ?? []).flatMap(([port, bindings]) => {
    const [containerPort = '', protocol = 'tcp'] = port.split('/');
    if (protocol !== 'tcp' && protocol !== 'udp')
      throw badRequest(`invalid port ${JSON.stringify(port.slice(0, 100))}: tcp and udp can be published`);
    return bindings.map((binding) => ({
      containerPort,
      protocol,
      ...defined({
        hostPort: binding.text('HostPort') || undefined,
        hostIp: binding.text('HostIp') || undefined,
      }),
    }));
  });
}

/** `container:alias`, and as inspect shows them, `/container:/this/alias`. */
function linkOption(text: string): { container: string; alias?: string } {
  const [container = '', alias] = text.split(':').map((part) => part.slice(part.lastIndexOf('/') + 1));
  return { container, ...(alias && { alias }) };
}
