import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { startDockerDaemon } from '../fixtures/docker-daemon.ts';
import { type NetworkFixture, openNetworkFixture, webServer } from '../fixtures/networks.ts';

/** Other programs' rules in the same namespace: what docs/networking.md says of precedence. */
const test = anyTest as TestFn<NetworkFixture>;

test.beforeEach(async (t) => {
  t.context = await openNetworkFixture();
});
test.afterEach.always(async (t) => {
  await t.context?.[Symbol.asyncDispose]();
});

const port = { containerPort: 80, hostPort: 8080 };

async function startWeb({ engine, image }: NetworkFixture): Promise<void> {
  const made = await engine.containers.create(image, {
    name: 'web',
    network: 'bridge',
    argv: webServer('hello'),
    ports: [port],
  });
  await made.start();
}

/** What the remote host is answered within two seconds; "": nothing, or nobody listens yet. */
async function fromAfar({ remote }: NetworkFixture): Promise<string> {
  return (await remote.sh('curl -s -m 2 http://198.51.100.1:8080/ || true')).out.trim();
}

async function locally({ host }: NetworkFixture): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const { code, out } = await host.sh('curl -s -m 2 http://127.0.0.1:8080/');
    if (code === 0 || attempt === 40) return out.trim();
    await delay(50);
  }
}

test.serial(
  'a firewall that drops by policy holds for containers until it lets their bridge through, and its rules stay',
  async (t) => {
    const { host } = t.context;
    const lines = [
      'add table inet firewalld',
      'add chain inet firewalld input { type filter hook input priority 10; policy drop; }',
      'add rule inet firewalld input ct state { established, related } accept',
      'add rule inet firewalld input iif lo accept',
      'add rule inet firewalld input meta l4proto ipv6-icmp accept',
      'add chain inet firewalld forward { type filter hook forward priority 10; policy drop; }',
      'add rule inet firewalld forward ct state { established, related } accept',
    ];
    for (const line of lines) await host.must(`/usr/sbin/nft '${line}'`);
    const rules = await host.must('/usr/sbin/nft list table inet firewalld');
    await startWeb(t.context);
    t.is(
      await host.must('/usr/sbin/nft list table inet firewalld'),
      rules,
      'nothing of another program is changed',
    );
    t.is(await fromAfar(t.context), '', 'a drop is final');
    await host.must(`/usr/sbin/nft 'add rule inet firewalld forward oifname "strake0" accept'`);
    t.is(await locally(t.context), 'hello');
    t.is(await fromAfar(t.context), 'hello', 'and an input rule does not close what is translated before');
  },
);

test.serial("docker's networks and strake's are on one host, each with its own rules", async (t) => {
  t.timeout(120_000);
  const { engine, host, image, directory } = t.context;
  await host.must('sysctl -qw net.ipv4.ip_forward=0'); // who switches it on forbids what nobody allows
  await using daemon = await startDockerDaemon(join(directory, 'docker'), host.path);
  await host.must(`tar -C ${image.slice(1)} -cf ${directory}/image.tar .`);
  await daemon.docker('import', join(directory, 'image.tar'), 'box');
  await daemon.docker(
    ...[
      'run',
      '-d',
      '-p',
      '8090:80',
      'box',
      'sh',
      '-c',
      'echo docker >/www/index.html; exec httpd -f -p 80 -h /www',
    ],
  );
  const rules = async () =>
    (await host.must('iptables-save'))
      .split('\n')
      .filter((line) => !/^[#:]/.test(line))
      .join('\n');
  const before = await rules();
  await startWeb(t.context);
  t.is(await rules(), before, "docker's rules stay");
  t.not((await engine.networks.inspect('bridge')).subnets[0]?.subnet, '172.17.0.0/16', 'docker has that');
  t.is(await locally(t.context), 'hello');
  t.is((await t.context.remote.sh('curl -s -m 2 http://198.51.100.1:8090/')).out.trim(), 'docker');
  t.is(await fromAfar(t.context), '', 'docker has set the policy of FORWARD to drop');
  await host.must(
    'iptables -I DOCKER-USER -i strake0 -j ACCEPT; iptables -I DOCKER-USER -o strake0 -j ACCEPT',
  );
  t.is(await fromAfar(t.context), 'hello');
  await engine.containers.remove('web', { force: true });
  t.is((await t.context.remote.sh('curl -s -m 2 http://198.51.100.1:8090/')).out.trim(), 'docker');
});
