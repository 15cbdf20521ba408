// What is asked of podline, and the token that it wants.

let token = takeToken();

// Out of the address bar, so that it is neither seen nor copied from there, and no history keeps it.
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token");
}

// A new link in the same tab changes the fragment alone.
export function onNewToken(then) {
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#token=")) return;
    token = takeToken();
    then();
  });
}

export const hasToken = () => Boolean(token);

export function forgetToken() {
  sessionStorage.removeItem("token");
  token = null;
}

export const ask = (path, body, signal) => send(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  signal,
});

export const download = (path) => send(path, { headers: {} });

function send(path, request) {
  request.headers.Authorization = `Bearer ${token}`;
  return fetch(path, { ...request, cache: "no-store", credentials: "omit", redirect: "error" });
}
