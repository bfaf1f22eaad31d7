import type { CreateNetworkOptions, SubnetOption } from '../../network/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest, Refusal } from '../refusal.ts';

/** What a network is asked to be. */
export interface NetworkRequest {
  readonly name: string;
  readonly options: CreateNetworkOptions;
}

/** Fields that have no meaning without a swarm, or say what is always so. */
const ignored = ['CheckDuplicate', 'Attachable', 'Scope', 'ConfigFrom'] as const;

/** Reads docker's NetworkCreateRequest. @throws Refusal for what this engine has no network for */
export function networkRequest(body: Fields): NetworkRequest {
  for (const name of ignored) body.raw(name);
  const name = body.text('Name') ?? '';
  if (name === '') throw badRequest('network name cannot be empty');
  if (body.flag('Ingress')) throw new Refusal(503, 'ingress networks need a swarm, and this node is in none');
  if (body.flag('ConfigOnly'))
    throw badRequest('networks of configuration alone (ConfigOnly) are not supported');
  if (body.flag('EnableIPv4') === false) throw badRequest('networks without IPv4 are not supported');
  const driver = driverOf(body.text('Driver') ?? '');
  const [options, labels] = [body.textMap('Options'), body.textMap('Labels')];
  return {
    name,
    options: {
      driver,
      subnets: subnetsOf(body.object('IPAM')),
      internal: body.flag('Internal') === true,
      ipv6: body.flag('EnableIPv6') === true,
      ...(options && { options }),
      ...(labels && { labels }),
    },
  };
}

function driverOf(driver: string): string {
  if (driver === '' || driver === 'default') return 'bridge';
  if (driver === 'bridge' || driver === 'macvlan') return driver;
  if (driver === 'overlay')
    throw new Refusal(503, 'networks of the driver overlay need a swarm, and this node is in none');
  if (driver === 'host' || driver === 'null' || driver === 'none')
    throw new Refusal(403, `only one instance of ${JSON.stringify(driver)} network is allowed`);
  throw new Refusal(
    404,
    `could not find plugin ${driver.slice(0, 100)} in v1 plugin registry: plugin not found`,
  );
}

function subnetsOf(ipam: Fields | undefined): SubnetOption[] {
  const driver = ipam?.text('Driver') ?? '';
  if (!['', 'default'].includes(driver))
    throw new Refusal(404, `invalid ipam driver ${driver.slice(0, 100)}: plugin not found`);
  return (ipam?.objects('Config') ?? []).flatMap((config) => {
    const subnet = config.text('Subnet') ?? '';
    const [gateway, ipRange] = [config.text('Gateway'), config.text('IPRange')];
    const auxiliary = config.textMap('AuxiliaryAddresses') ?? config.textMap('AuxAddress');
    if (subnet === '' && !gateway && !ipRange) return [];
    if (subnet === '') throw badRequest('invalid network config: a gateway or range without its subnet');
    return [
      { subnet, ...(gateway && { gateway }), ...(ipRange && { ipRange }), ...(auxiliary && { auxiliary }) },
    ];
  });
}
