"use strict";
const assert = require("node:assert");
const { after, before, beforeEach, test } = require("node:test");
const { $OpenApiUtil } = require("@alicloud/openapi-core");
const ram = require("@alicloud/ram20150501");

// a container of the image, or a simulator that runs already: RAM_SIMULATOR=127.0.0.1:7780,127.0.0.1:7783
async function start() {
  if (process.env.RAM_SIMULATOR) {
    const [endpoint, control] = process.env.RAM_SIMULATOR.split(",");
    return { endpoint, control, stop: async () => {} };
  }
  const { GenericContainer, Wait } = require("testcontainers");
  const container = await new GenericContainer("ram-simulator:dev")
    .withExposedPorts(7780, 7783)
    .withWaitStrategy(Wait.forLogMessage(/"endpoint"/))
    .start();
  const address = (port) => `${container.getHost()}:${container.getMappedPort(port)}`;
  return { endpoint: address(7780), control: address(7783), stop: () => container.stop() };
}

let simulator;
before(async () => (simulator = await start()));
after(() => simulator.stop());
beforeEach(() => fetch(`http://${simulator.control}/reset`, { method: "POST" }));

function client() {
  const config = new $OpenApiUtil.Config({
    accessKeyId: "simulator-root",
    accessKeySecret: "simulator-root-secret",
    endpoint: simulator.endpoint,
    protocol: "http",
  });
  return new ram.default(config);
}

const trust = JSON.stringify({
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
});

test("a role is there once it is created", async () => {
  await client().createRole(new ram.CreateRoleRequest({ roleName: "Web", assumeRolePolicyDocument: trust }));
  const state = await (await fetch(`http://${simulator.control}/state`)).json();
  assert.deepStrictEqual(state.roles.map((role) => role.roleName), ["Web"]);
});

test("a role that is not there is refused", async () => {
  await assert.rejects(client().getRole(new ram.GetRoleRequest({ roleName: "Web" })), { code: "EntityNotExist.Role" });
});
