// The chart of what went through in the last two minutes.

import { find, put, speed } from "/draw.js";

const SECONDS = 120;

export function drawChart({ sent, received, accepted }) {
  const most = Math.max(1000, ...sent, ...received);
  // Up to the next round number, so that the scale does not move with each second.
  const power = 10 ** Math.floor(Math.log10(most));
  const top = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most);
  const points = (values) => {
    const first = SECONDS - values.length;
    return values.map((value, at) => `${first + at},${(100 - (value / top) * 100).toFixed(2)}`);
  };
  const chart = find("chart");
  const line = points(received);
  const begin = SECONDS - received.length;
  chart.querySelector("polygon").setAttribute("points", line.length ? `${begin},100 ${line.join(" ")} ${SECONDS - 1},100` : "");
  chart.querySelector("polyline.received").setAttribute("points", line.join(" "));
  chart.querySelector("polyline.sent").setAttribute("points", points(sent).join(" "));
  put(find("scale-top"), speed(top));
  put(find("scale-middle"), speed(top / 2));
  put(find("rate-received"), speed(received.at(-1) ?? 0));
  put(find("rate-sent"), speed(sent.at(-1) ?? 0));
  put(find("rate-accepted"), `${accepted.at(-1) ?? 0}/s`);
  chart.setAttribute("aria-label", `Bytes a second of the last two minutes: ${speed(received.at(-1) ?? 0)} received, `
    + `${speed(sent.at(-1) ?? 0)} sent now; at most ${speed(most)}`);
}
