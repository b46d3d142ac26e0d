// What the pages have in common: calls of the gateway, and problems shown to people.

const problem = document.getElementById("problem");

/** Calls the gateway; what fails is thrown as an Error with the problem's text for people. */
export async function call(verb, path, { body, headers = {}, ...options } = {}) {
  const response = await fetch(path, {
    method: verb,
    headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    ...options,
  }).catch(() => {
    throw new Error("Pic Store cannot be reached. Try again.");
  });
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(textOf(answer, response.status));
  }
  return answer;
}

/** Does `work` when the form is sent; meanwhile it cannot be sent again. */
export function onSubmit(form, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(form.querySelector("button"), () => work(new FormData(form)));
  });
}

/** Does `work`, with the button out of use meanwhile, and shows why if it fails. */
export async function guarded(button, work) {
  show("");
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    show(error.message);
  } finally {
    button.disabled = false;
  }
}

/** Shows a problem, or none. */
export function show(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

function textOf(answer, status) {
  const violations = (answer.violations ?? []).map(
    ({ field, description }) => `The ${field} ${description}.`,
  );
  const text = violations.join(" ") || answer.detail || `This failed (${status}).`;
  return text[0].toUpperCase() + text.slice(1);
}
