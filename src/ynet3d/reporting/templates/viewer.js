// Completes trimesh's viewer, whose scene, camera, controls and renderer are global: colours, the
// view from the front, patient directions, numbers of lesions, and the keyboard.
const SIDES = { // where the eye is, and what is up, in RAS+
  Front: [[0, 1, 0], [0, 0, 1]], Right: [[1, 0, 0], [0, 0, 1]], Left: [[-1, 0, 0], [0, 0, 1]],
  Back: [[0, -1, 0], [0, 0, 1]], Feet: [[0, 0, -1], [0, 1, 0]], Head: [[0, 0, 1], [0, 1, 0]],
};
const LETTERS = [["R", "L"], ["A", "P"], ["H", "F"]]; // of the positive and negative axes
const marks = [];
let ball;

function element(name, content, into) {
  const made = Object.assign(document.createElement(name), content);
  into.append(made);
  return made;
}

function look(side) {
  const [eye, up] = SIDES[side];
  const half = Math.PI * camera.fov / 360;
  const fit = Math.atan(Math.tan(half) * Math.min(1, camera.aspect));
  camera.up.set(...up);
  camera.position.set(...eye).multiplyScalar(1.02 * ball.radius / Math.sin(fit)).add(ball.center);
  controls.target.copy(ball.center);
  show();
}

function turn(right, up) {
  const eye = camera.position.clone().sub(controls.target);
  const side = new THREE.Vector3().crossVectors(camera.up, eye).normalize();
  const about = new THREE.Quaternion().setFromAxisAngle(camera.up.clone().normalize(), right)
    .multiply(new THREE.Quaternion().setFromAxisAngle(side, up));
  camera.up.applyQuaternion(about);
  camera.position.copy(controls.target).add(eye.applyQuaternion(about));
  show();
}

function nearer(factor) {
  camera.position.sub(controls.target).multiplyScalar(factor).add(controls.target);
  show();
}

function show() {
  controls.update();
  render();
  annotate();
}

function annotate() {
  const width = innerWidth, height = innerHeight;
  const right = new THREE.Vector3(1, 0, 0).applyQuaternion(camera.quaternion);
  const up = new THREE.Vector3(0, 1, 0).applyQuaternion(camera.quaternion);
  const letter = (vector, sign) => {
    const parts = vector.toArray().map((part) => part * sign);
    const axis = parts.reduce((best, part, i) => Math.abs(part) > Math.abs(parts[best]) ? i : best, 0);
    return LETTERS[axis][parts[axis] > 0 ? 0 : 1];
  };
  const places = [[letter(right, -1), 16, height / 2], [letter(right, 1), width - 16, height / 2],
    [letter(up, 1), width / 2, 58], [letter(up, -1), width / 2, height - 16]];
  places.forEach(([text, left, top], i) => {
    Object.assign(marks[i], { textContent: text });
    Object.assign(marks[i].style, { left: `${left}px`, top: `${top}px` });
  });
  report.lesions.forEach((lesion, i) => {
    const at = new THREE.Vector3(...lesion.at).project(camera);
    Object.assign(marks[4 + i].style, { left: `${(at.x + 1) / 2 * width}px`, top: `${(1 - at.y) / 2 * height}px` });
  });
}

function paint(mesh) {
  const liver = mesh.name.startsWith("liver") || mesh.parent?.name.startsWith("liver");
  mesh.material.color.set(report.colours[liver ? "liver" : "tumours"]).convertSRGBToLinear();
  if (!liver) {
    // About 2 mm nearer, so that the skin of the liver does not flicker over tumours that reach it.
    Object.assign(mesh.material, { polygonOffset: true, polygonOffsetFactor: -1, polygonOffsetUnits: -400 });
    return;
  }
  Object.assign(mesh.material, { transparent: true, depthWrite: false });
  mesh.renderOrder = 1;
  // A translucent skin is densest where one looks along it.
  mesh.material.onBeforeCompile = (shader) => {
    shader.fragmentShader = shader.fragmentShader.replace("#include <output_fragment>",
      "float rim = 1.0 - abs(dot(normalize(vViewPosition), normal));\n" +
      "diffuseColor.a = mix(0.20, 0.78, rim * rim);\n#include <output_fragment>");
  };
  mesh.material.opacity = 0.3; // where the shader is another
  return mesh;
}

// The smallest around the middle of the box, so that no turn moves the surfaces out of sight.
function sphere(meshes) {
  const center = new THREE.Box3().setFromObject(scene).getCenter(new THREE.Vector3());
  const point = new THREE.Vector3();
  let radius = 1;
  for (const mesh of meshes) {
    const places = mesh.geometry.attributes.position;
    for (let i = 0; i < places.count; i += 1) {
      radius = Math.max(radius, point.fromBufferAttribute(places, i).applyMatrix4(mesh.matrixWorld).distanceTo(center));
    }
  }
  return { center, radius };
}

function begin() {
  // Not by animation frames, which browsers withhold from frames out of sight.
  if (!controls) return setTimeout(begin, 30);
  const meshes = [];
  scene.traverse((node) => { if (node.isMesh) meshes.push(node); });
  const liver = meshes.map(paint).find(Boolean);
  ball = sphere(meshes);
  camera = new THREE.PerspectiveCamera(28, innerWidth / innerHeight, ball.radius / 50, ball.radius * 50);
  controls.object = camera;
  controls.rotateSpeed = 2.5;
  controls.noZoom = true; // until the view is used, so that the wheel scrolls the page
  scene.background = new THREE.Color("#14181d");
  renderer.outputEncoding = THREE.sRGBEncoding;
  tracklight.intensity = 0.95;
  scene.add(new THREE.HemisphereLight("#ffffff", "#8a94a3", 0.6));

  const bar = element("div", { className: "bar" }, document.body);
  for (const side of Object.keys(SIDES)) {
    element("button", { type: "button", textContent: side, onclick: () => look(side) }, bar);
  }
  if (liver && meshes.length > 1) {
    const words = element("label", {}, bar);
    const box = element("input", { type: "checkbox", checked: true }, words);
    words.append("Liver");
    box.onchange = () => { liver.visible = box.checked; show(); };
  }
  if (report.lesions.length) {
    const words = element("label", {}, bar);
    const box = element("input", { type: "checkbox", checked: true }, words);
    words.append("Numbers");
    box.onchange = () => marks.slice(4).forEach((one) => { one.hidden = !box.checked; });
  }
  for (let i = 0; i < 4; i += 1) marks.push(element("span", { className: "letter" }, document.body));
  for (const lesion of report.lesions) {
    marks.push(element("span", { className: "lesion", textContent: lesion.id }, document.body));
  }

  const canvas = renderer.domElement;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Liver and tumours in 3D: arrow keys turn, plus and minus zoom");
  const keys = {
    ArrowLeft: () => turn(0.15, 0), ArrowRight: () => turn(-0.15, 0), ArrowUp: () => turn(0, 0.15),
    ArrowDown: () => turn(0, -0.15), "+": () => nearer(0.9), "=": () => nearer(0.9),
    "-": () => nearer(1.1), Home: () => look("Front"),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  canvas.addEventListener("pointerdown", () => { controls.noZoom = false; canvas.focus(); }, true);
  canvas.addEventListener("blur", () => { controls.noZoom = true; });
  controls.addEventListener("change", annotate);
  addEventListener("resize", annotate);
  look("Front");
  parent.postMessage("surface ready", "*");
}
begin();
