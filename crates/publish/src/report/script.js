"use strict";
(() => {
  for (const box of document.querySelectorAll(".chart-box")) {
    const texts = JSON.parse(document.querySelector(".chart-texts").textContent);
    const bin = Number(box.dataset.bin), total = Number(box.dataset.total);
    const tip = box.querySelector(".tip"), spoken = box.querySelector("[aria-live]");
    let current = -1;
    const show = (chart, index, speak) => {
      const text = texts[index];
      if (!text) return;
      current = index;
      tip.replaceChildren(...text.map((line) => Object.assign(document.createElement("div"), { textContent: line })));
      tip.hidden = false;
      if (speak) spoken.textContent = text.join(", ");
      const middle = Math.min((index + 0.5) * bin, total) / total;
      const share = Number(chart.dataset.left) + middle * Number(chart.dataset.width);
      const view = chart.viewBox.baseVal.width, cursor = chart.querySelector(".cursor");
      cursor.setAttribute("x1", share * view);
      cursor.setAttribute("x2", share * view);
      cursor.style.visibility = "visible";
      const x = share * box.clientWidth;
      const left = x + 14 + tip.offsetWidth > box.clientWidth ? x - 14 - tip.offsetWidth : x + 14;
      tip.style.left = Math.max(0, left) + "px";
    };
    const hide = () => {
      tip.hidden = true;
      for (const cursor of box.querySelectorAll(".cursor")) cursor.style.visibility = "hidden";
    };
    for (const chart of box.querySelectorAll(".chart")) {
      chart.setAttribute("tabindex", "0");
      const point = (event) => {
        const area = chart.getBoundingClientRect();
        const share = (event.clientX - area.left) / area.width;
        const inside = (share - Number(chart.dataset.left)) / Number(chart.dataset.width);
        if (inside < 0 || inside > 1) return hide();
        show(chart, Math.min(Math.floor((inside * total) / bin), texts.length - 1), false);
      };
      chart.addEventListener("pointermove", point);
      chart.addEventListener("pointerdown", point);
      chart.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
      chart.addEventListener("blur", hide);
      chart.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (event.key === "Escape") hide();
        if (!move) return;
        event.preventDefault();
        show(chart, Math.max(0, Math.min(texts.length - 1, current + move)), true);
      });
    }
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      getSelection().selectAllChildren(field);
      let done = false;
      try {
        await navigator.clipboard.writeText(field.textContent);
        done = true;
      } catch {
        done = document.execCommand("copy");
      }
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
