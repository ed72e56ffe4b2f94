// Appends reports, replays them and asks for casualties, as a client that knows the proto files and nothing else of the project.
// node client.mjs ADDRESS LEDGER PROTO_FOLDER REQUEST.json...   prints the answer of GetCasualties as JSON.
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const CALL_MILLISECONDS = 20_000;

const [address, ledger, protos, ...requests] = process.argv.slice(2);
const definition = loader.loadSync(
  ["ledger_service.proto", "casualty_service.proto"].map((file) => `incident/ledger/v1/${file}`),
  { includeDirs: [protos], longs: String, enums: String, bytes: String, oneofs: true },
);
const { v1 } = grpc.loadPackageDefinition(definition).incident.ledger;

// One method of a service as a promise, bounded in time.
function method(client, name) {
  const call = promisify(client[name].bind(client));
  return (request) => call(request, new grpc.Metadata(), { deadline: Date.now() + CALL_MILLISECONDS });
}

const credentials = grpc.credentials.createInsecure();
const ledgers = new v1.LedgerService(address, credentials);
const casualties = new v1.CasualtyService(address, credentials);

await method(ledgers, "createLedger")({ ledger });
let position = "0";
for (const file of requests) {
  const { report } = JSON.parse(readFileSync(file, "utf8"));
  const { receipt } = await method(ledgers, "appendReport")({ ledger, report });
  position = receipt.events.at(-1).position;
  console.error(`node: ${receipt.reportId} is recorded up to position ${position}`);
}

// The envelope says in text what the position beside it says: a client that reads these bytes otherwise is told here.
let replayed = 0;
const replay = ledgers.replayHistory({ ledger, view: "EVENT_VIEW_RAW" }, { deadline: Date.now() + CALL_MILLISECONDS });
for await (const { events } of replay) {
  for (const each of events) {
    const said = Buffer.from(each.envelope, "base64").toString().split("\n");
    if (said.length !== 12 || said[2] !== each.position) throw new Error(`${each.position} has the envelope ${said}`);
    replayed += 1;
  }
}
if (String(replayed) !== position) throw new Error(`${replayed} events were replayed and ${position} are recorded`);
console.error(`node: ${replayed} events are replayed, each as its envelope says`);
const answer = await method(casualties, "getCasualties")({ ledger, minPosition: position });
console.log(JSON.stringify(answer));
ledgers.close();
casualties.close();
