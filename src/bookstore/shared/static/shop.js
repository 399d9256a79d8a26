// Progressive enhancement only: every page works without this file.

const submitOnChange = () => {
  for (const control of document.querySelectorAll("[data-autosubmit]")) {
    const button = control.form?.querySelector("[data-autosubmit-button]");
    if (button) button.hidden = true;
    control.addEventListener("change", () => control.form.requestSubmit());
  }
};

// A second click on a button must not send the form a second time. The page comes back usable from the history.
const sendOnce = () => {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
    }
  });
};

// The words come with the page, in its language.
const { yes, no } = document.body.dataset;

const ask = (question) => new Promise((resolve) => {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.id = "question";
  text.textContent = question;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "form-actions";
  for (const [value, label, look] of [["yes", yes, "btn btn-danger"], ["no", no, "btn btn-secondary"]]) {
    const button = document.createElement("button");
    button.value = value;
    button.className = look;
    button.textContent = label;
    button.autofocus = value === "no";
    form.append(button);
  }
  dialog.setAttribute("aria-labelledby", text.id);
  dialog.append(text, form);
  dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue === "yes");
  });
  document.body.append(dialog);
  dialog.showModal();
});

const confirmFirst = () => {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const submitter = event.submitter;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!(await ask(question))) return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(submitter);
    delete form.dataset.confirmed;
  }, { capture: true });
};

const closeMenus = () => {
  const close = (menu) => { menu.open = false; };
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) close(menu);
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement?.closest("details.menu[open]");
    if (!menu) return;
    close(menu);
    menu.querySelector("summary").focus();
  });
};

confirmFirst();
sendOnce();
submitOnChange();
closeMenus();
document.querySelector("[data-error-summary]")?.focus();
