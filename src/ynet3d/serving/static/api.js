// Calls to the server. Failures become errors with the server's own sentence.

export class ServerError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function sentence(status, text) {
  try {
    const detail = JSON.parse(text).detail;
    if (typeof detail === "string") return detail;
  } catch { /* no JSON: said below */ }
  return `The server answered ${status}.`;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new ServerError(0, "The server cannot be reached: it may have been stopped.");
  }
  if (!answer.ok) throw new ServerError(answer.status, sentence(answer.status, await answer.text()));
  return answer;
}

const json = async (path, options) => (await ask(path, options)).json();
const fileUrl = (job, name) =>
  `/api/jobs/${job.id}/files/${name.split("/").map(encodeURIComponent).join("/")}?r=${job.revision}-${job.state}`;

export const api = {
  fileUrl,
  limits: () => json("/api/limits"),
  jobs: async (limit) => {
    const answer = await ask(`/api/jobs?limit=${limit}`);
    return { jobs: await answer.json(), total: Number(answer.headers.get("x-total-count")) };
  },
  job: (id) => json(`/api/jobs/${id}`),
  cancel: (id) => json(`/api/jobs/${id}/cancel`, { method: "POST" }),
  remove: (id) => ask(`/api/jobs/${id}`, { method: "DELETE" }),
  file: async (job, name) => (await ask(fileUrl(job, name))).arrayBuffer(),
  statistics: (job) => json(fileUrl(job, "statistics.json")),
  saveMask: (id, bytes) => json(`/api/jobs/${id}/mask`, { method: "PUT", body: bytes }),
  login: (token) =>
    json("/api/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }),
  // fetch() cannot tell how much of an upload is behind; XMLHttpRequest can.
  upload(file, onShare) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/jobs?name=${encodeURIComponent(file.name)}`);
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) onShare(event.loaded / event.total);
      };
      request.onload = () => {
        if (request.status === 201) resolve(JSON.parse(request.responseText));
        else reject(new ServerError(request.status, sentence(request.status, request.responseText)));
      };
      request.onerror = () =>
        reject(new ServerError(0, "The upload broke off: the server closed the connection. The file may be larger than it accepts."));
      request.send(file);
    });
  },
};
