// The built-in elements that need more than a style: each is a glass-easel component whose
// host is a DOM element of the name wx-….  Native events are stopped at the inner DOM node and
// told again with the details that mini-programs expect.

export function defineElements(glassEasel, space, templates, host) {
	const define = (name, build, template) => {
		const builder = space.define(name);

		if (template)
			builder.template({ groupList: templates, content: templates[template] });
		build(builder);
		space.setGlobalUsingComponent(name, builder.registerComponent());
	};
	const later = (run) => requestAnimationFrame(run);

	define('wx-image', (builder) => builder
		.property('src', { type: String, observer: show })
		.property('mode', { type: String, value: 'scaleToFill' })
		.property('lazyLoad', Boolean)
		.lifetime('attached', function () {
			const img = document.createElement('img');

			img.style.objectFit = { aspectFill: 'cover', aspectFit: 'contain' }[this.data.mode] || 'fill';
			img.draggable = false;
			img.alt = '';
			for (const name of ['load', 'error']) {
				img.addEventListener(name, (event) => {
					event.stopPropagation();
					this.triggerEvent(name, { width: img.naturalWidth, height: img.naturalHeight });
				});
			}
			this.img = img;
			this.getBackendElement().appendChild(img);
			show.call(this, this.data.src);
		}));

	function show(src) {
		if (!this.img)
			return;
		if (src)
			this.img.src = host.fileUrl(src);
		else
			this.img.removeAttribute('src');
		this.img.hidden = !src;
	}

	define('wx-input', (builder) => builder
		.property('value', { type: String, observer(value) {
			if (this.input && this.input.value !== value)
				this.input.value = value;
		} })
		.property('name', String)
		.property('type', { type: String, value: 'text' })
		.property('placeholder', String)
		.property('placeholderClass', String)
		.property('maxlength', { type: Number, value: 140 })
		.property('confirmType', String)
		.property('confirmHold', Boolean)
		.property('adjustPosition', { type: Boolean, value: true })
		.property('cursorSpacing', Number)
		.property('disabled', Boolean)
		.lifetime('attached', function () {
			const input = document.createElement('input');
			const tell = (name) => this.triggerEvent(name, { value: input.value, cursor: input.selectionStart });

			input.value = this.data.value;
			input.placeholder = this.data.placeholder;
			input.maxLength = this.data.maxlength;
			input.enterKeyHint = this.data.confirmType || 'done';
			input.addEventListener('input', (event) => {
				event.stopPropagation();
				tell('input');
			});
			input.addEventListener('keydown', (event) => {
				if (event.key !== 'Enter' || event.isComposing)
					return;
				event.preventDefault();
				tell('confirm');
				if (!this.data.confirmHold)
					input.blur();
			});
			input.addEventListener('focus', () => tell('focus'));
			input.addEventListener('blur', () => tell('blur'));
			this.input = input;
			this.getBackendElement().appendChild(input);
		}));

	define('wx-scroll-view', (builder) => builder
		.property('scrollY', Boolean)
		.property('enhanced', Boolean)
		.property('showScrollbar', { type: Boolean, value: true })
		.property('scrollWithAnimation', Boolean)
		.property('upperThreshold', { type: Number, value: 50 })
		.property('lowerThreshold', { type: Number, value: 50 })
		.property('scrollIntoView', { type: String, observer(id) {
			if (id)
				later(() => scrollTo(this, id));
		} })
		.lifetime('attached', function () {
			const scroller = this.getBackendElement().querySelector('.wx-scroller');
			let before = 0;

			this.scroller = scroller;
			scroller.addEventListener('scroll', () => {
				const { scrollTop, scrollLeft, scrollHeight, scrollWidth, clientHeight } = scroller;
				const below = scrollHeight - clientHeight - scrollTop;
				const deltaY = before - scrollTop;

				this.triggerEvent('scroll', { scrollTop, scrollLeft, scrollHeight, scrollWidth, deltaX: 0, deltaY });
				if (deltaY > 0 && scrollTop <= this.data.upperThreshold)
					this.triggerEvent('scrolltoupper', { direction: 'top' });
				if (deltaY < 0 && below <= this.data.lowerThreshold)
					this.triggerEvent('scrolltolower', { direction: 'bottom' });
				before = scrollTop;
			});
		}), 'wx-scroll-view');

	function scrollTo(view, id) {
		const target = view.ownerShadowRoot.getElementById(id);
		const element = target && target.getBackendElement();

		if (!element)
			return;
		const top = element.getBoundingClientRect().top - view.scroller.getBoundingClientRect().top;
		view.scroller.scrollTo({
			top: view.scroller.scrollTop + top,
			behavior: view.data.scrollWithAnimation ? 'smooth' : 'instant',
		});
	}

	define('wx-form', (builder) => builder
		.methods({
			submit() {
				const value = {};

				for (const element of this.getBackendElement().querySelectorAll('wx-input')) {
					const input = element.__wxElement;

					if (input.data.name)
						value[input.data.name] = input.input.value;
				}
				this.triggerEvent('submit', { value });
			},
		}));

	define('wx-button', (builder) => builder
		.property('openType', String)
		.property('formType', String)
		.property('type', String)
		.property('size', String)
		.property('loading', Boolean)
		.property('disabled', { type: Boolean, observer(disabled) {
			this.getBackendElement().toggleAttribute('disabled', disabled);
		} })
		.lifetime('attached', function () {
			this.addListener('tap', () => {
				if (this.data.disabled)
					return;
				if (this.data.openType === 'chooseAvatar')
					host.chooseAvatar().then((avatarUrl) => this.triggerEvent('chooseavatar', { avatarUrl }), () => {});
				if (this.data.formType === 'submit')
					this.getBackendElement().closest('wx-form').__wxElement.submit();
			});
		}));
}
