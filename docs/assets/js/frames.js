// Sliders over frames that the package computed: docs/figures/_frames.py says what the files hold.
const data = new URL("../data/", import.meta.url);
const make = (tag, props, ...inside) => {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...inside);
  return made;
};
async function get(name, how) {
  const answer = await fetch(new URL(name, data));
  if (!answer.ok) throw answer;
  return answer[how]();
}

// Ways to draw. g: a square canvas with its middle at 0; v: a frame's numbers; 127 is `half` a canvas.
const half = 420, unit = half / 127;
const ways = {
  dots(g, v, { at, size, colours, which }, tone) {
    g.globalAlpha = 0.8;
    which.forEach((k, j) => {
      g.fillStyle = tone(colours[k]);
      g.beginPath();
      g.arc(v[at + 2 * j] * unit, -v[at + 2 * j + 1] * unit, size, 0, 7);
      g.fill();
    });
  },
  heat(g, v, { at, side, colour, clear = 1 }, tone) { // comes first: alpha, drawn large and smooth, then its colour
    const small = make("canvas", { width: side, height: side }), s = small.getContext("2d");
    const image = s.createImageData(side, side);
    for (let j = 0; j < side * side; j++) image.data[4 * j + 3] = 2 * clear * v[at + j];
    s.putImageData(image, 0, 0);
    g.drawImage(small, -half, -half, 2 * half, 2 * half);
    g.globalCompositeOperation = "source-in";
    g.fillStyle = tone(colour);
    g.fillRect(-half, -half, 2 * half, 2 * half);
    g.globalCompositeOperation = "source-over";
  },
  arrows(g, v, { at, side, reach, longest, colour, width, clear = 1 }, tone) {
    g.globalAlpha = clear;
    g.strokeStyle = g.fillStyle = tone(colour);
    g.lineWidth = width;
    const place = k => half * reach * (2 * k / (side - 1) - 1);
    for (let j = 0; j < side * side; j++) {
      const x = place(j % side), y = -place(Math.floor(j / side));
      const dx = v[at + 2 * j] * unit * longest, dy = -v[at + 2 * j + 1] * unit * longest, length = Math.hypot(dx, dy);
      if (length < 1) continue;
      const head = Math.min(4 * width, 0.7 * length) / length, nx = x + dx * (1 - head), ny = y + dy * (1 - head);
      g.beginPath();
      g.moveTo(x, y);
      g.lineTo(nx, ny);
      g.stroke();
      g.beginPath();
      g.moveTo(x + dx, y + dy);
      g.lineTo(nx - 0.45 * dy * head, ny + 0.45 * dx * head);
      g.lineTo(nx + 0.45 * dy * head, ny - 0.45 * dx * head);
      g.fill();
    }
  },
};

async function start(box) {
  const name = box.dataset.frames;
  const [about, buffer] = await Promise.all([get(`${name}.json`, "json"), get(`${name}.i8`, "arrayBuffer")]);
  const { step, stops, captions, layers, fixed } = about, bytes = new Int8Array(buffer);
  const last = (stops.length - 1) * step, many = (bytes.length - fixed) / (last + 1);
  const canvas = make("canvas", { width: 2 * half, height: 2 * half });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", box.dataset.alt);
  const slider = make("input", { type: "range", min: 0, max: last, step });
  slider.setAttribute("aria-label", about.label);
  const says = make("p", { className: "frames-says" });
  const ends = make("p", { className: "frames-ends" }, ...about.ends.map(e => make("span", { textContent: e })));
  ends.setAttribute("aria-hidden", "true");
  const keys = about.keys.map(([textContent, from, to]) =>
    make("button", { type: "button", className: "md-button", textContent, onclick: () => play(from, to) }));
  box.replaceChildren(canvas, says, slider, ends, make("p", { className: "frames-keys" }, ...keys));

  const g = canvas.getContext("2d");
  g.translate(half, half);
  box.shown = Float32Array.from(bytes.subarray(0, fixed + many)); // what is drawn: the site's checks read it
  function draw(frame) {
    const i = Math.min(Math.floor(frame), last - 1), f = frame - i, a = fixed + many * i, b = a + many;
    for (let k = 0; k < many; k++) box.shown[fixed + k] = bytes[a + k] + f * (bytes[b + k] - bytes[a + k]);
    const style = getComputedStyle(box), tones = {}, tone = c => tones[c] ??= style.getPropertyValue(c);
    g.clearRect(-half, -half, 2 * half, 2 * half);
    for (const layer of layers) {
      g.globalAlpha = 1;
      ways[layer.draw](g, box.shown, layer, tone);
    }
    const [which, ...values] = stops[Math.round(frame / step)];
    const [html, words] = captions[which].map(text => text.replace(/\{(\d)\}/g, (_, k) => values[k]));
    says.innerHTML = html;
    slider.setAttribute("aria-valuetext", words);
    box.dataset.frame = frame;
  }
  let playing = 0;
  function play(from, to) {
    cancelAnimationFrame(playing);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches, began = performance.now();
    const tick = now => {
      const done = calm ? 1 : Math.min(1, Math.max(0, now - began) / 3500);
      draw(slider.value = from + done * (to - from));
      if (done < 1) playing = requestAnimationFrame(tick);
    };
    playing = requestAnimationFrame(tick);
  }
  slider.oninput = () => { cancelAnimationFrame(playing); draw(+slider.value); };
  new MutationObserver(() => draw(+box.dataset.frame)).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  draw(slider.value = about.start);
}

const near = new IntersectionObserver(seen => seen.filter(e => e.isIntersecting).forEach(({ target: box }) => {
  near.unobserve(box);
  start(box).catch(() => box.querySelector("noscript")?.replaceWith("The frames of this picture could not be loaded."));
}), { rootMargin: "400px" });
document.querySelectorAll(".frames").forEach(box => near.observe(box));
