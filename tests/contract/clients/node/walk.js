// Calls what it is told on stdin with one of the official SDKs for Node, and prints what came of each call.
// The tests run it; what is right and wrong is decided there.
"use strict";
const RPCClient = require("@alicloud/pop-core").RPCClient;
const core = require("@alicloud/openapi-core");
const $dara = require("@darabonba/typescript");
const typed = {
  Ram: require("@alicloud/ram20150501"),
  Sts: require("@alicloud/sts20150401"),
};
const runtime = new $dara.RuntimeOptions({});

// pop-core: signature V1; lists are for the caller to encode
function popCore(method) {
  return async (endpoint, row) => {
    const client = new RPCClient({
      endpoint,
      apiVersion: row.version,
      accessKeyId: row.key[0],
      accessKeySecret: row.key[1],
    });
    const parameters = {};
    for (const [name, value] of Object.entries(row.parameters)) {
      parameters[name] = Array.isArray(value) ? JSON.stringify(value) : value;
    }
    return client.request(row.action, parameters, { method, timeout: 20000 });
  };
}

function configuration(endpoint, key) {
  return new core.$OpenApiUtil.Config({
    accessKeyId: key[0],
    accessKeySecret: key[1],
    endpoint: new URL(endpoint).host,
    protocol: "http",
    regionId: "cn-hangzhou",
  });
}

// the newer SDK: signature V3; models for RAM and STS, the general call for ECS, whose package is very large
async function openApi(endpoint, row) {
  const configured = configuration(endpoint, row.key);
  const found = typed[row.product];
  if (!found) {
    return general(new core.default(configured), row);
  }
  const client = new found.default(configured);
  const method = row.action[0].toLowerCase() + row.action.slice(1) + "WithOptions";
  const model = found[row.action + "Request"];
  const request = model ? [$dara.cast(row.parameters, new model({}))] : [];
  const reply = await client[method](...request, runtime);
  return reply.body.toMap();
}

async function general(client, row) {
  const params = new core.$OpenApiUtil.Params({
    action: row.action,
    version: row.version,
    protocol: "HTTP",
    pathname: "/",
    method: "POST",
    authType: "AK",
    style: "RPC",
    reqBodyType: "formData",
    bodyType: "json",
  });
  const query = core.OpenApiUtil.query(row.parameters);
  const reply = await client.callApi(params, new core.$OpenApiUtil.OpenApiRequest({ query }), runtime);
  return reply.body;
}

const clients = { "pop-core GET": popCore("GET"), "pop-core POST": popCore("POST"), openapi: openApi };

async function outcome(job, row) {
  try {
    return { answer: await clients[job.client](job.endpoint, row) };
  } catch (error) {
    const status = error.statusCode || (error.entry && error.entry.response.statusCode);
    if (!status) {
      return { broken: String(error.stack) };
    }
    return { status, code: error.code, message: error.message };
  }
}

async function main() {
  const job = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const outcomes = [];
  for (const row of job.rows) {
    outcomes.push(await outcome(job, row));
  }
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0)); // connections are kept alive
}

main();
